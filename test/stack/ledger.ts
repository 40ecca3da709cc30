/** What was acknowledged, against what is there: what every promise and every fault is judged by. */
import assert from "node:assert/strict";
import type { LoadReport } from "../load/load.ts";
import type { Effect } from "../systems/driver.ts";
import { docker, eventually } from "./command.ts";
import type { Stack } from "./stack.ts";

export interface Account {
  readonly acknowledged: number;
  readonly found: number;
  readonly lost: readonly string[];
  readonly doubled: readonly string[];
}

/** Arithmetic of an account. @param times Id → how often it took place. */
export function accountOf(acknowledged: readonly string[], times: ReadonlyMap<string, number>): Account {
  assert.ok(acknowledged.length > 0, "nothing was acknowledged");
  return {
    acknowledged: acknowledged.length,
    found: acknowledged.filter((id) => times.has(id)).length,
    lost: acknowledged.filter((id) => !times.has(id)),
    doubled: acknowledged.filter((id) => (times.get(id) ?? 0) > 1),
  };
}

/** @throws {Error} if anything was lost or took place twice. */
export function assertKept(account: Account): Account {
  const { lost, doubled, acknowledged } = account;
  const words = `${lost.length} lost, ${doubled.length} doubled of ${acknowledged}`;
  assert.deepEqual({ lost, doubled }, { lost: [], doubled: [] }, words);
  return account;
}

/** Each of these took place once, by now or within the effect's time. @throws {Error} if not */
export function keptOnce(stack: Stack, effect: Effect, acknowledged: readonly string[]): Promise<Account> {
  const look = async () => assertKept(accountOf(acknowledged, await effect.count(stack, acknowledged)));
  return eventually(look, effect.within ?? 0);
}

/** @throws {Error} if an answer was not controlled: a reset, a hang, a page of the server, a stack trace. */
export function controlled({ failures }: Pick<LoadReport, "failures">): void {
  const others = Object.keys(failures).filter((failure) => !/: status \d+$/.test(failure));
  assert.deepEqual(others, [], JSON.stringify(failures));
}

/** How often the engine started the containers of a stack again by itself. */
export class Restarts {
  readonly #stack: Stack;
  #before = new Map<string, number>();
  constructor(stack: Stack) {
    this.#stack = stack;
  }

  async #counts(): Promise<Map<string, number>> {
    const ids = [...(await this.#stack.project.containers()).values()];
    const format = '{{index .Config.Labels "berth.service"}} {{.RestartCount}}';
    const lines = (await docker("inspect", "--format", format, ...ids)).split("\n");
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
    const now = [...(await this.#counts())].map(([service, count]): [string, number] => [
      service,
      count - (this.#before.get(service) ?? 0),
    ]);
    return Object.fromEntries(now.filter(([, count]) => count > 0));
  }
}
