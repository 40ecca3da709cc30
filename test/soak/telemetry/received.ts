/** What came to what stands in Loki's and Jaeger's places (test/soak/otlp), and waiting for it. */
import assert from "node:assert/strict";
import { eventually } from "../../stack/command.ts";

interface Entry {
  readonly service: string;
  readonly arrived: number;
  readonly trace: string;
  readonly resource: Readonly<Record<string, string>>;
}
export interface Line extends Entry {
  readonly kind: "line";
  readonly written: number;
  readonly level: string;
  readonly severity: number;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
}
export interface Span extends Entry {
  readonly kind: "span";
  readonly scope: string;
  readonly name: string;
  readonly id: string;
  readonly parent: string;
}

const tell = async (url: string): Promise<string> => (await fetch(url)).text();
async function entries<T extends Entry>(url: string): Promise<T[]> {
  const told = await tell(`${url}/received`);
  return told
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as T);
}
/** `service library` */
const kindOf = ({ service, scope }: Span): string => `${service} ${scope.split(".").at(-1)!}`;

export class Received {
  readonly #loki: string;
  readonly #jaeger: string;
  /** @param urls Of the stack's endpoints. */
  constructor({ loki, jaeger }: Readonly<Record<string, string>>) {
    this.#loki = loki!;
    this.#jaeger = jaeger!;
  }

  lines(): Promise<Line[]> {
    return entries<Line>(this.#loki);
  }
  spans(): Promise<Span[]> {
    return entries<Span>(this.#jaeger);
  }
  /** Service → lines that came of it so far. */
  async counts(): Promise<Record<string, number>> {
    return JSON.parse(await tell(`${this.#loki}/counts`)) as Record<string, number>;
  }

  /** Until each of these services has told of the request; what they told. */
  arrive(request: string, services: readonly string[], seconds = 10): Promise<Line[]> {
    return eventually(async () => {
      const found = (await this.lines()).filter(({ attributes }) => attributes["request_id"] === request);
      const told = found.map(({ service }) => service);
      for (const service of services)
        assert.ok(
          told.includes(service),
          `nothing of ${service} among ${told.join(", ") || "nothing"} in ${seconds} s`,
        );
      return found;
    }, seconds);
  }

  /**
   * Until the spans of a trace are of these kinds, each below another of them, but for the first, whose parent is the
   * edge. A kind is `service library`.
   */
  oneTrace(trace: string, first: string, kinds: readonly string[], seconds = 20): Promise<void> {
    return eventually(async () => {
      const found = (await this.spans()).filter((span) => span.trace === trace);
      const ids = new Set(found.map(({ id }) => id));
      assert.deepEqual([...new Set(found.map(kindOf))].sort(), [...kinds].sort());
      assert.deepEqual(found.filter(({ parent }) => !ids.has(parent)).map(kindOf), [first], "one beginning");
    }, seconds);
  }
}
