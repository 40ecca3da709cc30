/** Promise 11 (docs/promises.md): backups are proven by restore; damage is seen, told, and spares the last good one. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { inGate, OWN } from "../length.ts";
import { keptOnce } from "../stack/ledger.ts";
import { docker, eventually, good, sleep } from "../stack/command.ts";
import type { World } from "../stack/world.ts";
import { Backups, fails } from "../stores/backups.ts";
import { backupsAtLength } from "./backups-at-length.ts";
import { healthyAtLast } from "./healthy.ts";

const MB = 1e6;
/** Rows before the drill. Not every system has as fast a store as the first one. */
const ROWS = OWN ? 5000 : 20_000;

export function backups(world: World): void {
  const { stack } = world;
  const { project, driver } = stack;
  const store = new Backups(world);
  const drill = driver.drill(stack);
  let first: string;

  before(async () => {
    await drill.create();
    await drill.write(ROWS);
    // The first run came with the stack.
    await eventually(async () => assert.ok((await store.verified()).length >= 1), 120);
  });

  /** Something that a user wrote, acknowledged. */
  async function written(count: number): Promise<string[]> {
    const ids = Array.from({ length: count }, () => randomUUID());
    for (const id of ids) {
      const { path, body } = driver.effects.direct.write(id);
      assert.ok((await stack.session.post(path, body)).status < 300);
    }
    return ids;
  }

  it("promise 10, promise 11: the drill: written under load, backed up, deleted, restored: what was committed before is there, and whole", async () => {
    let [last, ids]: [string, string[]] = ["", []];
    await driver.keep(stack.session, "before the drill");
    await stack.lossless(
      async () => {
        await drill.write(2000);
        ids = await written(10);
        last = await drill.last();
        const during = async () => {
          for (let n = 0; n < 5; n++) {
            await sleep(500);
            await drill.write(100);
          }
        };
        [first] = await Promise.all([store.make(), during()]);
        // What comes after the backup must be missed (negative control).
        await drill.write(50);
      },
      { slow: 2, share: 0.3 },
    );
    const bytes = await drill.bytes();
    const before = await drill.look(last);
    assert.ok(before.there >= ROWS + 2000 && before.later >= 550, JSON.stringify(before));
    await drill.lose(world);

    const began = Date.now();
    world.say("bin/restore of the drill", await store.restore(first, ...driver.restores, "--yes"));
    const seconds = (Date.now() - began) / 1000;
    const { there, wrong, later } = await drill.look(last);
    assert.deepEqual([there, wrong], [before.there, 0], "rows before the backup, checksum errors");
    const missed = before.later - later;
    assert.ok(missed > 0, `of ${before.later} rows written during and after the backup none is missed`);
    await stack.enter();
    await keptOnce(stack, driver.effects.direct, ids);
    assert.ok(await driver.keeps(stack.session, "before the drill"));
    console.log(
      `      ${(bytes / MB).toFixed(0)} MB restored and compared in ${seconds.toFixed(1)} s: ` +
        `${(seconds / (bytes / 1e9)).toFixed(0)} s per GB; ${there} of ${before.there} rows, ` +
        `${wrong} checksum errors, ${missed} later rows missed`,
    );
  });

  inGate(
    "promise 11: a restore does not overwrite newer data, unless it is told to, and keeps what it replaced",
    async () => {
      const count = (): Promise<string> => stack.query("SELECT count(*) FROM drill;");
      await drill.write(10);
      const now = await count();
      await fails(store.restore(first, "--yes"), /has newer data than backup/);
      await fails(store.restore("20200101T000000Z", "--yes"), /there is no backup/);
      await fails(store.restore("2020-01-01", "--yes"), /no verified backup of 2020-01-01/);
      await fails(store.restore(first, "--discard-newer"), /nothing was changed \(without a terminal/);
      assert.equal(await count(), now);
      await good(store.restore(first, "--discard-newer", "--yes"));
      assert.equal(Number(now) - Number(await count()), 10);
      const former = ["psql", "-qAtX", "-U", "postgres", "-d", `${project.plan().database}_former`];
      const postgres = await project.container("postgres");
      assert.equal(await docker("exec", postgres, ...former, "-c", "SELECT count(*) FROM drill"), now);
      await eventually(() => stack.isReady());
    },
  );

  inGate("promise 11: one that is truncated before its verification never counts, and is told", () =>
    store.refusesAfter("truncate -s -1000 /backups/$id/database.dump.bin"),
  );

  inGate("promise 11: one that is not damaged counts, and is told no more (negative control)", async () => {
    const before = await store.verified();
    await good(store.verifyAfter("true"));
    assert.equal((await store.verified()).length, Math.min(3, before.length + 1));
    await store.silent("BackupUnverified");
  });

  inGate(
    "promise 11: a full disk is told, the good ones stay, and freed space is all that the next run needs",
    async () => {
      world.backups.fill();
      try {
        await store.cannotMake(/space/);
      } finally {
        world.backups.free();
      }
      await store.make();
      await store.silent("BackupUnverified");
    },
  );

  backupsAtLength(world, store, drill);

  healthyAtLast(stack);
}
