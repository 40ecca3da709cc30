/** A fault while a system is written to, from its strike to its end. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { LoadReport, Write } from "../load/load.ts";
import type { Effect } from "../systems/driver.ts";
import { controlled, keptOnce, Restarts } from "./ledger.ts";
import { eventually } from "./command.ts";
import type { Stack, UnderLoad } from "./stack.ts";

/** Milliseconds without an answer: what a pool waits, berth:postgres.statementTimeout, and what the edge needs. */
const LIMIT = 25_000;
/** The load of a fault: mostly writes, half of the gate's share, nothing slow. */
export const WRITES = { slow: 0, posts: 0.75, share: 0.5, timeout: LIMIT } as const;
/** That of writes that end in a job: as many as the workers can do. */
const JOBS = 0.12;

/** Jobs that a worker does at once. */
export const AT_ONCE = 2;

export interface Fault extends Pick<UnderLoad, "share"> {
  /** Does it, and takes it away again. */
  readonly strike: () => Promise<void>;
  /** What is written meanwhile. @default the driver's direct effect */
  readonly effect?: Effect;
  /** Restarts that come of it, by service; "few": PostgreSQL cannot start until the fault is over. @default none */
  readonly restarts?: Readonly<Record<string, number>> | "few";
  /** How it is known that it did something. @default requests failed */
  readonly bit?: (report: LoadReport) => boolean;
}

export class Faults {
  readonly restarts: Restarts;
  readonly #stack: Stack;
  constructor(stack: Stack) {
    this.#stack = stack;
    this.restarts = new Restarts(stack);
  }

  /** Writes and reads are answered again, five times in a row, and nobody did a thing. @returns milliseconds */
  async recovered(seconds = 60): Promise<number> {
    const { session, driver, project } = this.#stack;
    const began = Date.now();
    let good = 0;
    const round = async () => {
      const { path, body } = driver.effects.direct.write(randomUUID());
      for (const { status } of [await session.post(path, body), await session.get(driver.paths.data)])
        assert.ok(status < 300, String(status));
    };
    await eventually(async () => {
      good = await round().then(
        () => good + 1,
        (error: unknown) => {
          good = 0;
          throw error;
        },
      );
      assert.ok(good >= 5);
    }, seconds);
    const { name } = project.known.behind(driver.paths.light);
    for (const container of await project.running(name))
      await eventually(() => this.#stack.check(name, container), seconds);
    return Date.now() - began;
  }

  /** The engine started a service again so often since the fault began. */
  restarted(service: string, times: number): Promise<void> {
    return eventually(async () => assert.equal((await this.restarts.since())[service] ?? 0, times), 60);
  }

  /** A fault under load, to its end: answers, rows, restarts. */
  async suffers({ strike, effect, restarts: expected = {}, bit, ...load }: Fault): Promise<LoadReport> {
    const { direct, later } = this.#stack.driver.effects;
    const written = effect ?? direct;
    const share = written === later ? { share: JOBS } : {};
    await this.restarts.begin();
    let back = 0;
    const report = await this.#stack.underLoad(
      async () => {
        await strike();
        back = await this.recovered();
      },
      { ...WRITES, ...share, ...load, write: written.write },
    );
    const found = await keptOnce(this.#stack, written, report.acknowledged);
    const failed = Object.entries(report.failures).map(([what, count]) => `${what}: ${count}`);
    console.log(
      `      ${found.acknowledged} acknowledged, ${found.found} found, 0 doubled; ` +
        `of ${report.sent} requests ${report.sent - report.ok} failed (${failed.join(", ") || "none"}); ` +
        `longest ${report.longest} ms; back after ${back} ms`,
    );
    controlled(report);
    assert.ok(bit?.(report) ?? failed.length > 0, "the fault was not felt");
    await this.#assertRestarts(expected);
    return report;
  }

  async #assertRestarts(expected: Readonly<Record<string, number>> | "few"): Promise<void> {
    const since = await this.restarts.since();
    if (expected !== "few") {
      assert.deepEqual(since, expected);
      return;
    }
    const { postgres = 0, ...others } = since;
    assert.ok(postgres > 0 && postgres < 10 && Object.keys(others).length === 0, JSON.stringify(since));
  }
}

/** The same write with more in it, in the part of its body that takes anything. @throws {Error} where there is none */
export function heavier({ path, body }: Write, more: object): Write {
  const fields = Object.entries(body as object) as [string, unknown][];
  const open = fields.find(([, value]) => typeof value === "object" && value !== null);
  if (!open) throw new Error(`${path} takes nothing but ${fields.map(([name]) => name).join(", ")}`);
  return { path, body: { ...(body as object), [open[0]]: { ...(open[1] as object), ...more } } };
}
