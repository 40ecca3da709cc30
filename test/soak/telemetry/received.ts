/**
 * What came of lines and spans, and waiting for it: by the query API of a store, or from what stands in Loki's and
 * Jaeger's places (test/soak/otlp).
 */
import assert from "node:assert/strict";
import { eventually } from "../../stack/command.ts";

interface Entry {
  readonly service: string;
  readonly trace: string;
  readonly resource: Readonly<Record<string, string>>;
}
export interface Line extends Entry {
  /** Seconds since 1970. */
  readonly written: number;
  /** When it was there, or was found at the latest. */
  readonly arrived: number;
  readonly level: string;
  readonly severity: number;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
}
export interface Span extends Entry {
  readonly scope: string;
  readonly name: string;
  /** Seconds since 1970. */
  readonly began: number;
  readonly id: string;
  readonly parent: string;
}
/** What lines are looked for by: all of these. */
export interface Wanted {
  readonly service?: string;
  readonly request?: string;
  /** A word that it has. */
  readonly word?: string;
}
export interface Lines {
  readonly find: (wanted: Wanted) => Promise<readonly Line[]>;
  /** How many came of a service. */
  readonly count: (service: string) => Promise<number>;
}
export interface Spans {
  readonly ofTrace: (trace: string) => Promise<readonly Span[]>;
  /** What a service began since a time, in seconds since 1970. */
  readonly since: (service: string, time: number) => Promise<readonly Span[]>;
}

/** @throws {Error} where the answer is none. */
async function tell(url: string, form?: Readonly<Record<string, string>>): Promise<string> {
  return textOf(await fetch(url, form ? { method: "POST", body: new URLSearchParams(form) } : {}));
}
async function textOf(answer: Response): Promise<string> {
  const [text, url] = [await answer.text(), answer.url];
  assert.ok(answer.ok, `${url}: ${answer.status} ${text}`);
  return text;
}
const objects = <T>(text: string): T[] =>
  text
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as T);

/** @param url Of what stands in Loki's place, which tells all that it has. */
export const standInLines = (url: string): Lines => ({
  find: async ({ service, request, word }) =>
    objects<Line>(await tell(`${url}/received`)).filter(
      (line) =>
        (service === undefined || line.service === service) &&
        (request === undefined || line.attributes["request_id"] === request) &&
        (word === undefined || line.body.includes(word)),
    ),
  count: async (service) => (JSON.parse(await tell(`${url}/counts`)) as Record<string, number>)[service] ?? 0,
});

/** @param url Of what stands in Jaeger's place. */
export function standInSpans(url: string): Spans {
  const all = async () => objects<Span>(await tell(`${url}/received`));
  return {
    ofTrace: async (trace) => (await all()).filter((span) => span.trace === trace),
    since: async (service, time) => (await all()).filter((span) => span.service === service && span.began >= time),
  };
}

/** @param url Of VictoriaLogs, which is asked in LogsQL. */
export function victoriaLogs(url: string): Lines {
  const of = (service: string) => `{"service.name"=${JSON.stringify(service)}}`;
  const ask = async <T>(query: string): Promise<T[]> =>
    objects<T>(await tell(`${url}/select/logsql/query`, { query: `_time:1h ${query}` }));
  return {
    async find({ service, request, word }) {
      const found = await ask<Readonly<Record<string, string>>>(
        [
          ...(service === undefined ? [] : [of(service)]),
          ...(request === undefined ? [] : [`request_id:=${JSON.stringify(request)}`]),
          ...(word === undefined ? [] : [`_msg:${JSON.stringify(word)}`]),
        ].join(" "),
      );
      const arrived = Date.now() / 1000;
      return found.map((fields) => ({
        service: fields["service.name"] ?? "",
        trace: fields["trace_id"] ?? "",
        resource: picked(fields, /^(service|deployment)\./),
        written: Date.parse(fields["_time"]!) / 1000,
        arrived,
        level: fields["severity_text"] ?? "",
        severity: Number(fields["severity_number"]),
        body: fields["_msg"] ?? "",
        attributes: picked(fields, /^(log\.iostream|request_id)$/),
      }));
    },
    async count(service) {
      const [{ lines }] = (await ask<{ lines: string }>(`${of(service)} | stats count() lines`)) as [{ lines: string }];
      return Number(lines);
    },
  };
}

/** @param url Of Jaeger, whose answers are OpenTelemetry's. */
export function jaegerSpans(url: string): Spans {
  const ask = async (path: string): Promise<readonly Span[]> => {
    const answer = await fetch(`${url}/api/v3/traces${path}`);
    if (answer.status === 404) return [];
    const { result } = JSON.parse(await textOf(answer)) as { result: { resourceSpans: ResourceSpans[] } };
    return result.resourceSpans.flatMap(({ resource, scopeSpans }) => {
      const of = Object.fromEntries(resource.attributes.map(({ key, value }) => [key, value.stringValue ?? ""]));
      return scopeSpans.flatMap(({ scope, spans }) =>
        spans.map(({ traceId, spanId, parentSpanId = "", name, startTimeUnixNano }) => ({
          service: of["service.name"] ?? "",
          trace: traceId,
          resource: of,
          scope: scope?.name ?? "",
          name,
          began: Number(startTimeUnixNano) / 1e9,
          id: spanId,
          parent: parentSpanId,
        })),
      );
    });
  };
  return {
    ofTrace: (trace) => ask(`/${trace}`),
    async since(service, time) {
      const [from, to] = [time, Date.now() / 1000 + 60].map((seconds) => new Date(seconds * 1000).toISOString());
      const query = new URLSearchParams({
        "query.service_name": service,
        "query.start_time_min": from!,
        "query.start_time_max": to!,
        // The name of it changes between versions.
        "query.num_traces": "100",
        "query.search_depth": "100",
      });
      const found = await ask(`?${query.toString()}`);
      return found.filter((span) => span.service === service && span.began >= time);
    },
  };
}
interface ResourceSpans {
  readonly resource: { readonly attributes: readonly { key: string; value: { stringValue?: string } }[] };
  readonly scopeSpans: readonly {
    readonly scope?: { readonly name?: string };
    readonly spans: readonly {
      traceId: string;
      spanId: string;
      parentSpanId?: string;
      name: string;
      startTimeUnixNano: string;
    }[];
  }[];
}

const picked = (fields: Readonly<Record<string, string>>, names: RegExp): Record<string, string> =>
  Object.fromEntries(Object.entries(fields).filter(([name]) => names.test(name)));

/** `service library` */
export const kindOf = ({ service, scope }: Span): string => `${service} ${scope.split(".").at(-1)!}`;

export class Received {
  readonly lines: Lines;
  readonly spans: Spans;
  constructor(lines: Lines, spans: Spans) {
    this.lines = lines;
    this.spans = spans;
  }

  /** Until each of these services has told of the request; what they told. */
  arrive(request: string, services: readonly string[], seconds = 10): Promise<readonly Line[]> {
    return eventually(async () => {
      const found = await this.lines.find({ request });
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
      const found = await this.spans.ofTrace(trace);
      const ids = new Set(found.map(({ id }) => id));
      assert.deepEqual([...new Set(found.map(kindOf))].sort(), [...kinds].sort());
      assert.deepEqual(found.filter(({ parent }) => !ids.has(parent)).map(kindOf), [first], "one beginning");
    }, seconds);
  }
}
