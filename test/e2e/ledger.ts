/** What was acknowledged, against what is there: what every fault is judged by. */
import assert from "node:assert/strict";
import type { Serving } from "./serving.ts";
import { docker } from "./support.ts";
import type { LoadReport } from "../load/load.ts";

/** What counts as the effect of a write: rows of its id, and how often it took place. */
export const EFFECTS = {
  events: (ids: string) => `SELECT id, attempts FROM events WHERE id IN (${ids})`,
  /** A message that asks for a task: a job makes it. */
  tasks: (ids: string) => `SELECT title, count(*) FROM tasks WHERE title IN (${ids}) GROUP BY title`,
  /** A job by itself: done, and how often it was begun. */
  jobs: (ids: string) => `SELECT id, attempts FROM jobs WHERE state = 'done' AND id IN (${ids})`,
} as const;
export type Effect = keyof typeof EFFECTS;

export interface Account {
  readonly acknowledged: number;
  readonly found: number;
  readonly lost: readonly string[];
  readonly doubled: readonly string[];
}

export async function account(serving: Serving, effect: Effect, acknowledged: readonly string[]): Promise<Account> {
  assert.ok(acknowledged.length > 0, "nothing was acknowledged");
  const rows = (await serving.query(`${EFFECTS[effect](acknowledged.map((id) => `'${id}'`).join(","))};`))
    .split("\n")
    .filter(Boolean);
  const times = new Map(rows.map((row) => row.split("|") as [string, string]));
  return {
    acknowledged: acknowledged.length,
    found: times.size,
    lost: acknowledged.filter((id) => !times.has(id)),
    doubled: acknowledged.filter((id) => Number(times.get(id) ?? 0) > 1),
  };
}

/** @throws if anything was lost or took place twice. */
export async function kept(serving: Serving, effect: Effect, acknowledged: readonly string[]): Promise<Account> {
  const found = await account(serving, effect, acknowledged);
  assert.deepEqual(
    { lost: found.lost, doubled: found.doubled },
    { lost: [], doubled: [] },
    `${found.lost.length} lost, ${found.doubled.length} doubled of ${found.acknowledged}`,
  );
  return found;
}

/** @throws if an answer was not controlled: a reset, a hang, a page of the server, a stack trace. */
export const controlled = ({ failures }: Pick<LoadReport, "failures">): void =>
  assert.deepEqual(
    Object.keys(failures).filter((failure) => !/: status \d+$/.test(failure)),
    [],
    JSON.stringify(failures),
  );

/** How often the engine started the containers of a stack again by itself. */
export class Restarts {
  readonly #serving: Serving;
  #before = new Map<string, number>();
  constructor(serving: Serving) {
    this.#serving = serving;
  }

  async #counts(): Promise<Map<string, number>> {
    const ids = [...(await this.#serving.project.containers()).values()];
    const lines = (
      await docker("inspect", "--format", '{{index .Config.Labels "berth.service"}} {{.RestartCount}}', ...ids)
    ).split("\n");
    const counts = new Map<string, number>();
    for (const [service, count] of lines.map((line) => line.split(" ") as [string, string]))
      counts.set(service, (counts.get(service) ?? 0) + Number(count));
    return counts;
  }
  async begin(): Promise<void> {
    this.#before = await this.#counts();
  }
  /** Service → restarts since then; those without are left out. */
  async since(): Promise<Record<string, number>> {
    const now = await this.#counts();
    return Object.fromEntries(
      [...now]
        .map(([service, count]): [string, number] => [service, count - (this.#before.get(service) ?? 0)])
        .filter(([, count]) => count > 0),
    );
  }
}
