/** The faults that the gate does not wait for, and the negative controls that take long. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describeInAll } from "../length.ts";
import { Clocks } from "../stack/clocks.ts";
import { Events } from "../stack/engine.ts";
import { AT_ONCE, type Faults, heavier, WRITES } from "../stack/fault.ts";
import { killAll, loss } from "../stack/inject.ts";
import { accountOf, controlled, keptOnce } from "../stack/ledger.ts";
import { docker, eventually, sleep } from "../stack/command.ts";
import type { World } from "../stack/world.ts";
import { healthy } from "./healthy.ts";

const SLOW_WRITES = 4;
const LOSS = 0.2;
/** Bytes of one of the processes that take a container's memory; a service has twice as many. */
const HELD = 48 << 20;
/** So many of them, for a minute. */
const held = (processes: number): string =>
  `import os, time
all(os.fork() for _ in range(${processes - 1}))
held = b"x" * ${HELD}
time.sleep(60)`;

export function faultsAtLength({ stack, disk }: World, suffering: Faults): void {
  const { project, driver } = stack;
  const { direct, later } = driver.effects;
  const front = () => project.known.behind(driver.paths.light);
  const begin = (seconds: number): Promise<string> => driver.jobs.begin(stack.session, seconds);
  /** All workers are busy with jobs of so many seconds. @returns their ids */
  async function busy(seconds: number): Promise<string[]> {
    const ids: string[] = [];
    const workers = await project.running(driver.jobs.worker);
    for (let n = 0; n < AT_ONCE * workers.length; n++) ids.push(await begin(seconds));
    await eventually(async () => assert.equal(await driver.jobs.running(stack, ids), ids.length));
    return ids;
  }
  const doneOnce = (ids: readonly string[], seconds: number): Promise<void> =>
    eventually(async () => {
      const done = Object.fromEntries(await driver.jobs.done(stack, ids));
      assert.deepEqual(done, Object.fromEntries(ids.map((id) => [id, 1])));
    }, seconds);

  describeInAll("faults at length", () => {
    afterEach(() => healthy(stack));

    describe("the checks themselves", () => {
      it("report a page of the server (negative control)", async () => {
        const big = (id: string) => heavier(direct.write(id), { text: "x".repeat(12 << 20) });
        const report = await stack.underLoad(() => sleep(0), { slow: 0, posts: 1, share: 0.05, write: big });
        assert.throws(() => controlled(report), /413/);
      });
      it("report a container that is started again (negative control)", async () => {
        const apps = project.known.those({ kind: "stateless", tier: "app" });
        const { name } = apps.find(({ route }) => route?.public === undefined)!;
        await suffering.restarts.begin();
        await killAll((await project.running(name))[0]!);
        await eventually(async () => assert.deepEqual(await suffering.restarts.since(), { [name]: 1 }));
        await suffering.recovered();
      });
      it("report rows that PostgreSQL acknowledged before it had written them (negative control)", async () => {
        const set = async (...how: string[]) => {
          for (const one of how) await stack.query(`ALTER SYSTEM ${one};`);
          await stack.query("SELECT pg_reload_conf();");
        };
        await set("SET synchronous_commit = off", "SET wal_writer_delay = '10s'");
        try {
          const report = await stack.underLoad(async () => {
            // Less than the writer of the log waits.
            await sleep(2000);
            await killAll(await project.container("postgres"));
            await suffering.recovered();
          }, WRITES);
          const { acknowledged, lost } = accountOf(report.acknowledged, await direct.count(stack, report.acknowledged));
          console.log(`      ${lost.length} of ${acknowledged} lost`);
          await assert.rejects(keptOnce(stack, direct, report.acknowledged), /[1-9]\d* lost, 0 doubled/);
        } finally {
          await eventually(() => set("RESET synchronous_commit", "RESET wal_writer_delay"));
        }
      });
    });

    it("Redis killed twice: what was accepted is done, and nothing twice", async () => {
      const redis = await project.container("redis");
      await suffering.suffers({
        effect: later,
        restarts: { redis: 2 },
        bit: () => true,
        strike: async () => {
          const jobs: string[] = [];
          for (const round of [1, 2]) {
            for (let n = 0; n < 4; n++) jobs.push(await begin(3));
            await killAll(redis);
            jobs.push(await begin(0));
            await suffering.restarted("redis", round);
            // The jobs of before have their time, so that each round meets others.
            await sleep(8000);
          }
          await doneOnce(jobs, 90);
        },
      });
      // What it cannot read of its own log at a start it leaves out, and says so.
      assert.doesNotMatch(await docker("logs", redis), /NOPERM/);
    });

    it("Redis away while every worker's jobs end: messages are accepted meanwhile, and the workers go on once it is back", async () => {
      const redis = await project.container("redis");
      const { failures } = await suffering.suffers({
        effect: later,
        // That the jobs end while it is away is seen in the strike.
        bit: () => true,
        strike: async () => {
          const jobs = await busy(6);
          await docker("stop", redis);
          await doneOnce(jobs, 30);
          await docker("start", redis);
          await doneOnce([await begin(0)], 30);
        },
      });
      assert.deepEqual(failures, {});
    });

    it("a data disk so full that PostgreSQL cannot go on with its log: nothing is answered from data until there is room, and nothing is lost", async () => {
      await suffering.suffers({
        restarts: "few",
        strike: async () => {
          disk.fill();
          try {
            await eventually(async () => {
              await stack.query("SELECT pg_switch_wal();");
              assert.equal((await stack.session.get(driver.paths.data)).status, 503);
            });
            // It tries to start again, and again.
            await sleep(5000);
          } finally {
            disk.free();
          }
        },
      });
    });

    it("a slow disk: writes wait, or are refused in time", async () => {
      const postgres = await project.container("postgres");
      await suffering.suffers({
        bit: ({ longest }) => longest > 1000,
        strike: async () => {
          const end = await disk.slow(postgres, SLOW_WRITES);
          await sleep(15_000);
          end();
        },
      });
    });

    it("packets lost between the tiers: one in five", async () => {
      const lossy = [...(await project.running(front().name)), await project.container("postgres")];
      await suffering.suffers({
        bit: ({ longest }) => longest > 200,
        strike: async () => {
          const ends = await Promise.all(lossy.map((container) => loss(container, LOSS)));
          await sleep(15_000);
          for (const end of ends) end();
        },
      });
    });

    it("a front out of memory: it alone ends, and the others answer", async () => {
      const { name } = front();
      const [one] = await project.running(name);
      const watch = await Events.watch("{{.Action}} {{.Actor.Attributes.name}}", "event=oom");
      const limit = Number(await docker("inspect", "--format", "{{.HostConfig.Memory}}", one!));
      await suffering.suffers({
        restarts: { [name]: 1 },
        bit: () => true,
        strike: async () => {
          // No request takes that much (services/python/app/lib/berth/bodies.py). Of processes of one container the
          // largest is ended, which is the service.
          await docker("exec", "--detach", one!, "python", "-c", held(Math.ceil(limit / HELD)));
          await suffering.restarted(name, 1);
          for (let n = 0; n < 20; n++) assert.equal((await stack.session.get(driver.paths.light)).status, 200);
        },
      });
      const ended = (await watch.stop()).map((line) => line.split(" ").at(-1));
      assert.ok(ended.includes(one), "nothing ran out of memory");
    });

    for (const skew of [300, -300])
      it(`a replica and a worker whose clock is off by ${skew} s: log-ins, pushed events and jobs are as ever`, async () => {
        const clocks = new Clocks(stack, skew);
        try {
          await clocks.start();
          await sameWithAnotherClock(clocks, skew);
        } finally {
          await clocks.remove();
        }
      });

    async function sameWithAnotherClock(clocks: Clocks, skew: number): Promise<void> {
      const there = await driver.enter(clocks.url, `clock${skew}`);
      const { headers, status } = await there.get(driver.paths.data);
      assert.equal(status, 200);
      const off = (Date.parse(headers.get("date")!) - Date.now()) / 1000;
      assert.ok(Math.abs(off - skew) < 10, `its clock is off by ${off} s`);
      // What one signs, the others accept.
      const asked = async (url: string, token: string) =>
        (await fetch(url + driver.paths.data, { headers: { authorization: `Bearer ${token}` } })).status;
      assert.equal(await asked(stack.edge, there.token), 200);
      assert.equal(await asked(clocks.url, stack.session.token), 200);
      // What is stored here is pushed there.
      const id = randomUUID();
      const pushed = await clocks.stream(stack.session.token);
      const { path, body } = direct.write(id);
      assert.ok((await stack.session.post(path, body)).status < 300);
      await eventually(() => Promise.resolve(assert.ok(pushed().includes(id), "the event was not pushed")), 10);
      const jobs: string[] = [];
      await suffering.suffers({
        effect: later,
        bit: () => true,
        strike: async () => {
          for (let n = 0; n < 12; n++) jobs.push(await begin(1));
          await doneOnce(jobs, 60);
        },
      });
      assert.ok((await clocks.workerLog()).includes("job done"), "its worker had nothing to do");
    }
  });
}
