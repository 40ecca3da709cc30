/** A running Prometheus, asked over its API; and a copy of the project whose alerts do not take minutes. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Project } from "./support.ts";

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

export class Prometheus {
  readonly url: string;
  constructor(url: string) {
    this.url = url;
  }

  async #get<T>(path: string): Promise<T> {
    const response = await fetch(`${this.url}/api/v1/${path}`, { signal: AbortSignal.timeout(10_000) });
    const { data, error } = (await response.json()) as { data: T; error?: string };
    if (error !== undefined) throw new Error(`${path}: ${error}`);
    return data;
  }
  async query(expression: string): Promise<Sample[]> {
    const { resultType, result } = await this.#get<{
      resultType: string;
      result: { metric: Record<string, string>; value: [number, string] }[];
    }>(`query?query=${encodeURIComponent(expression)}`);
    if (resultType !== "vector") throw new Error(`${expression}: ${resultType}`);
    return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  }
  async number(expression: string): Promise<number> {
    const [first] = await this.query(expression);
    if (first === undefined) throw new Error(`${expression}: no answer`);
    return first.value;
  }
  async targets(): Promise<{ readonly service: string; readonly health: string; readonly error: string }[]> {
    const { activeTargets } = await this.#get<{
      activeTargets: { health: string; lastError: string; labels: { job: string } }[];
    }>("targets?state=active");
    return activeTargets.map(({ health, lastError, labels }) => ({ service: labels.job, health, error: lastError }));
  }
  /** Names of the alerts that fire. */
  async firing(): Promise<string[]> {
    const { alerts } = await this.#get<{ alerts: { state: string; labels: { alertname: string } }[] }>("alerts");
    return alerts.filter(({ state }) => state === "firing").map(({ labels }) => labels.alertname);
  }
  async names(): Promise<Set<string>> {
    return new Set(await this.#get<string[]>("label/__name__/values"));
  }

  /** Those of the expressions that give nothing, or nothing that is a number. */
  async silent(expressions: readonly string[]): Promise<string[]> {
    const silent: string[] = [];
    for (const expression of new Set(expressions))
      if ((await this.query(expression)).every(({ value }) => Number.isNaN(value))) silent.push(expression);
    return silent;
  }
}

const SPEED = 15;
/** Minutes of a rule to seconds, but not fewer than a few scrapes. */
export const faster = (rules: string): string =>
  rules
    .replace(/\bfor: (\d+)m\b/g, (_, minutes: string) => `for: ${(Number(minutes) * 60) / SPEED}s`)
    .replace(/\[(\d+)m\]/g, (_, minutes: string) => `[${Math.max(20, (Number(minutes) * 60) / SPEED)}s]`)
    // What other tests do to the machine's disk in the next four hours is not this one's matter.
    .replace("4 * 3600", "60");

/** Rules, scrapes and notifications of a copy of the project take seconds. What they say stays as it is. */
export function hurry(project: Project, rules: readonly string[]): void {
  for (const file of rules)
    project.write(
      `monitoring/rules/${file}`,
      faster(readFileSync(join(project.dir, "monitoring/rules", file), "utf8")),
    );
  project.edit("plan/scrape.ts", (text) =>
    text.replaceAll('"15s"', '"5s"').replace('scrape_timeout: "10s"', 'scrape_timeout: "4s"'),
  );
  project.edit("systems/parts/monitoring-exporters.ts", (text) => text.replace('interval: "15"', 'interval: "5"'));
  project.edit("systems/parts/monitoring-metrics.ts", (text) =>
    text
      .replace('group_wait: "30s", group_interval: "5m"', 'group_wait: "1s", group_interval: "3s"')
      .replace('group_interval: "1m", repeat_interval: "1m"', 'group_interval: "5s", repeat_interval: "5s"')
      // What the former Prometheus said is taken for over after four times this long.
      .replace(
        '"--enable-feature=auto-gomemlimit"',
        '"--enable-feature=auto-gomemlimit", "--rules.alert.resend-delay=5s"',
      ),
  );
}
