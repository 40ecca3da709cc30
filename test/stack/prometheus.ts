/** A running Prometheus, asked over its API. */

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
