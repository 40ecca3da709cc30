/** What breaks while the system is written to: refusals are controlled, no acknowledged write is lost, nobody helps. */
import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { AT_ONCE, Faults, heavier } from "../stack/fault.ts";
import { kill, killAll, killJobs } from "../stack/inject.ts";
import { accountOf, keptOnce } from "../stack/ledger.ts";
import { eventually, sleep } from "../stack/command.ts";
import type { World } from "../stack/world.ts";
import { PROCESSES } from "../stores/postgres.ts";
import { faultsAtLength } from "./faults-at-length.ts";
import { healthyAtLast } from "./healthy.ts";

export function faults(world: World): void {
  const { stack, disk } = world;
  const { project, driver } = stack;
  const suffering = new Faults(stack);
  const each = (ids: readonly string[], times: number) => Object.fromEntries(ids.map((id) => [id, times]));

  it("a write that took place twice, and one that never did, are found where writes are counted (negative control)", async () => {
    const [once, twice, never] = [randomUUID(), randomUUID(), randomUUID()];
    const { direct } = driver.effects;
    for (const id of [once, twice, twice]) {
      const { path, body } = direct.write(id);
      assert.ok((await stack.session.post(path, body)).status < 300);
    }
    const ids = [once, twice, never];
    const { lost, doubled } = accountOf(ids, await direct.count(stack, ids));
    assert.deepEqual([lost, doubled], [[never], [twice]]);
    await assert.rejects(keptOnce(stack, direct, ids), /1 lost, 1 doubled of 3/);
  });

  it("PostgreSQL killed: its connections, its main process, all of it", async () => {
    const postgres = await project.container("postgres");
    await suffering.suffers({
      restarts: { postgres: 2 },
      strike: async () => {
        assert.ok((await kill(postgres, PROCESSES.connection)) > 0);
        await suffering.recovered();
        assert.equal(await kill(postgres, PROCESSES.main), 1);
        await suffering.restarted("postgres", 1);
        await suffering.recovered();
        await killAll(postgres);
        await suffering.restarted("postgres", 2);
      },
    });
  });

  it("a worker killed in the middle of its jobs: they are done again, once", async () => {
    const { jobs, effects } = driver;
    const [one, ...others] = await project.running(jobs.worker);
    // Of several the first loses the processes of its jobs, which its main process replaces; the others go as a whole.
    const whole = others.length > 0 ? others : [one!];
    const ids: string[] = [];
    await suffering.suffers({
      effect: effects.later,
      restarts: { [jobs.worker]: whole.length },
      bit: () => true,
      strike: async () => {
        for (let n = 0; n < AT_ONCE * (others.length + 1); n++) ids.push(await jobs.begin(stack.session, 15));
        await eventually(async () => assert.equal(await jobs.running(stack, ids), ids.length));
        if (others.length > 0) assert.ok((await killJobs(one!)) > 0);
        for (const container of whole) await killAll(container);
        await suffering.restarted(jobs.worker, whole.length);
      },
    });
    await eventually(async () => {
      assert.deepEqual(Object.fromEntries(await jobs.done(stack, ids)), each(ids, 2));
    }, 60);
  });

  it("a full data disk: writes are refused, reads go on, and freed space is all that it takes", async () => {
    let [read, refused] = [0, 0];
    const write = async (): Promise<number> => {
      const more = { text: randomBytes(6000).toString("base64") };
      const { path, body } = heavier(driver.effects.direct.write(randomUUID()), more);
      return (await stack.session.post(path, body)).status;
    };
    await suffering.suffers({
      bit: () => refused > 0,
      strike: async () => {
        await freshLog();
        disk.fill();
        try {
          const end = Date.now() + 20_000;
          while (read < 10 || refused < 5) {
            assert.ok(Date.now() < end, `${refused} writes were refused`);
            if ((await write()) === 503) refused += 1;
            assert.equal((await stack.session.get(driver.paths.data)).status, 200);
            read += 1;
            await sleep(500);
          }
        } finally {
          disk.free();
        }
      },
    });
    console.log(`      ${read} reads answered while ${refused} writes were refused`);
  });
  /** A fresh file of PostgreSQL's log, or it might need the next one within these seconds: that is another fault. */
  async function freshLog(): Promise<void> {
    await stack.query("SELECT pg_switch_wal();");
    const begun = "SELECT file_offset BETWEEN 1 AND 4000000 FROM pg_walfile_name_offset(pg_current_wal_lsn());";
    await eventually(async () => assert.equal(await stack.query(begun), "t"));
  }

  faultsAtLength(world, suffering);

  healthyAtLast(stack);
}
