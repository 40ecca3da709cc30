/** Promise 15: more than the machine can answer is a quick 503, and the rest is answered as ever. */
import assert from "node:assert/strict";
import { setPriority } from "node:os";
import { inAll } from "../length.ts";
import { readAside } from "../load/aside.ts";
import { Load, type LoadArgs, type LoadReport, underLoad } from "../load/load.ts";
import { sleep } from "../stack/command.ts";
import { keptOnce } from "../stack/ledger.ts";
import type { World } from "../stack/world.ts";

/** How much more than it can answer. */
const TIMES = 3;
/** Seconds that it lasts, and after which it is known to be no stall (docs/decisions/0020-overload.md). */
const SECONDS = 30;
const ONSET = 10;
/** Connections. Clients of an overload are there already; what 1,000 of them cost to let in is no part of it. */
const CLIENTS = 1000;
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
        token: () => stack.session.token,
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

      let meanwhile!: LoadReport, asked!: LoadReport;
      const report = await underLoad(args({ kept: TIMES * capacity, sockets: CLIENTS, open: CLIENTS }), async () => {
        // Clients have machines of their own: what waits for a turn of this one's is not what is measured.
        setPriority(-10);
        await sleep(ONSET * 1000);
        const seconds = SECONDS - ONSET;
        const { url, ca, reads } = args({});
        const { token } = stack.session;
        const some = readAside({ url, token, ca: ca!, reads, kept: 40, seconds });
        const asking = readAside({ url, token, ca: ca!, reads: [health], kept: 4, seconds });
        [meanwhile, asked] = await Promise.all([some, asking]);
      }).finally(() => setPriority(0));
      const refusals = meanwhile.failed.map(({ began, ended }) => ended - began);
      console.log(
        `      ${Math.round(capacity)} requests/s can be answered; of ${report.sent} in ${Math.round(report.seconds)} s ${report.ok} were, ` +
          `${report.failed.length} refused. Of ${meanwhile.sent} after ${ONSET} s ${meanwhile.ok} were answered (p99 ${meanwhile.p99} ms), ` +
          `the others refused (p99 ${p99(refusals)} ms); health p99 ${asked.p99} ms`,
      );
      for (const what of [report, meanwhile].flatMap(({ failures }) => Object.keys(failures)))
        assert.match(what, /: status 503$/);
      assert.deepEqual(asked.failures, {});
      assert.ok(report.failed.length > report.sent / 10, "too few were refused: this was no overload");
      assert.ok(report.ok > (capacity * report.seconds) / 4, "too few were answered");
      for (const times of [meanwhile.p99, p99(refusals), asked.p99]) assert.ok(times < SOON, `p99 ${times} ms`);
      await keptOnce(stack, driver.effects.direct, report.acknowledged);

      await sleep(WELL * 1000);
      await stack.lossless(() => sleep(3000));
    },
  );
}
