/** Alerts as somebody is told of them: what makes them fire, what came, and that it clears. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { ruleFiles, RULES } from "./hurry.ts";
import { eventually, sleep } from "./command.ts";
import type { Project } from "./project.ts";
import type { World } from "./world.ts";

/** A condition of an alert: how it is made, and unmade. */
export interface Trouble {
  readonly alert: string;
  readonly labels: Readonly<Record<string, string>>;
  /** @default it is there already, or comes with another one */
  readonly make?: () => Promise<unknown>;
  /** @default it passes, or goes with another one */
  readonly mend?: () => Promise<unknown>;
}

export interface Rule {
  readonly alert: string;
  readonly expr: string;
}
/** Rules of the copy, as Prometheus has them: those of stores that the system does not have, it has not. */
export const rulesOf = (project: Project): Rule[] =>
  ruleFiles(project)
    .filter((file) => file in project.known.service("prometheus").config!)
    .map((file) => parse(readFileSync(join(project.dir, RULES, file), "utf8")) as { groups: { rules: Rule[] }[] })
    .flatMap(({ groups }) => groups.flatMap(({ rules }) => rules));

/** Tries until a look at what came does not throw. */
export const soon = (look: () => void, seconds: number): Promise<void> =>
  eventually(() => {
    look();
    return Promise.resolve();
  }, seconds);

/** Does something until told to stop; what fails meanwhile is not this one's matter. */
export function keepDoing(each: () => Promise<unknown>, milliseconds: number): () => Promise<void> {
  let stopped = false;
  const ended = (async () => {
    while (!stopped) {
      void each().catch(() => undefined);
      await sleep(milliseconds);
    }
  })();
  return () => {
    stopped = true;
    return ended;
  };
}

export class Alerts {
  readonly #world: World;
  /** Names of those that were made to fire. */
  readonly made = new Set<string>();
  constructor(world: World) {
    this.#world = world;
  }

  /** @throws {Error} unless this is the last word about it: what fired again has not cleared. */
  came(status: "firing" | "resolved", { alert, labels }: Trouble): void {
    const { receiver, hook } = this.#world;
    const all = receiver.alerts(hook).filter((one) => one.labels["alertname"] === alert);
    const last = all
      .filter((one) => Object.entries(labels).every(([name, value]) => one.labels[name] === value))
      .at(-1);
    const others = JSON.stringify(all.map((one) => one.labels));
    const words = `${alert} ${JSON.stringify(labels)}: ${last?.status ?? `nothing came, but ${others}`}`;
    assert.equal(last?.status, status, words);
  }

  /** Makes all of them at once; each must arrive. */
  async fire(troubles: readonly Trouble[], seconds = 120): Promise<void> {
    for (const { alert } of troubles) this.made.add(alert);
    await all(troubles.map(async ({ make }) => make?.()));
    await all(troubles.map((trouble) => soon(() => this.came("firing", trouble), seconds)));
  }
  /** Each must be told as over. */
  clear(troubles: readonly Trouble[], seconds = 120): Promise<void> {
    return all(troubles.map((trouble) => soon(() => this.came("resolved", trouble), seconds)));
  }
  /** Makes all of them, mends all of them, whatever came of it. */
  async fireAndClear(troubles: readonly Trouble[]): Promise<void> {
    try {
      await this.fire(troubles);
    } finally {
      await all(troubles.map(async ({ mend }) => mend?.()));
    }
    await this.clear(troubles);
  }
}

/** Waits for all of them. @throws {Error} with what every one of them said. */
async function all(work: readonly Promise<unknown>[]): Promise<void> {
  const results = await Promise.allSettled(work);
  const failed = results.filter((one) => one.status === "rejected");
  assert.deepEqual(
    failed.map(({ reason }) => (reason as Error).message),
    [],
  );
}
