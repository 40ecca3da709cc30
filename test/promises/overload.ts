/** Promise 15: more than the machine can answer is a quick 503, and the rest is answered as ever. */
import assert from "node:assert/strict";
import { inAll } from "../length.ts";
import { Load, type LoadArgs, underLoad } from "../load/load.ts";
import { sleep } from "../stack/command.ts";
import { keptOnce } from "../stack/ledger.ts";
import type { World } from "../stack/world.ts";

/** How much more than it can answer. */
const TIMES = 3;
const SECONDS = 10;
/** Milliseconds within which 99 in 100 have an answer, whichever it is. */
const SOON = 2000;
/** Seconds after which it is as it was. */
const WELL = 5;

const p99 = (times: readonly number[]): number =>
  Math.round([...times].sort((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? 0);

export function overload({ stack, authority }: World): void {
  inAll(
    `promise 15: at ${TIMES} times what the machine can answer, the rest is a quick 503, and it is well within ${WELL} s`,
    async () => {
      const { driver } = stack;
      const health = stack.project.known.publicly.find(({ route }) => route!.public === "/")!.route!.check;
      const args = (more: Partial<LoadArgs>): LoadArgs => ({
        url: stack.edge,
        token: stack.session.token,
        ca: authority.certificate,
        reads: [driver.paths.data],
        write: driver.effects.direct.write,
        slowly: driver.slow,
        slow: 0,
        fresh: 0,
        ...more,
      });
      const most = await new Load(args({})).saturate(48, 4);
      assert.deepEqual(most.failures, {});
      const capacity = most.ok / most.seconds;

      /** Milliseconds until somebody who asks how it is was answered. */
      const asked: number[] = [];
      const report = await underLoad(args({ kept: TIMES * capacity, sockets: 2000 }), async () => {
        for (const end = Date.now() + SECONDS * 1000; Date.now() < end; await sleep(500)) {
          const began = performance.now();
          const { status } = await stack.session.get(health);
          assert.equal(status, 200);
          asked.push(performance.now() - began);
        }
      });
      const refusals = report.failed.map(({ began, ended }) => ended - began);
      console.log(
        `      ${Math.round(capacity)} requests/s can be answered; of ${report.sent} in ${Math.round(report.seconds)} s ${report.ok} were ` +
          `(p99 ${report.p99} ms), ${refusals.length} refused (p99 ${p99(refusals)} ms); health p99 ${p99(asked)} ms`,
      );
      for (const what of Object.keys(report.failures)) assert.match(what, /: status 503$/);
      assert.ok(refusals.length > report.sent / 10, "too few were refused: this was no overload");
      assert.ok(report.ok > (capacity * report.seconds) / 4, "too few were answered");
      for (const times of [report.p99, p99(refusals), p99(asked)]) assert.ok(times < SOON, `p99 ${times} ms`);
      await keptOnce(stack, driver.effects.direct, report.acknowledged);

      await sleep(WELL * 1000);
      await stack.lossless(() => sleep(3000));
    },
  );
}
