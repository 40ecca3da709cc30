/**
 * A stack that a former version of this checkout made moves over by one `pulumi up`, under load, with all that it holds
 * (docs/promises.md 17). The clone must have the former commit: a shallow one is refused, with the way out.
 */
import assert from "node:assert/strict";
import { former, copyCheckout } from "../stack/checkout.ts";
import { command, docker, eventually, good, sleep, unchanged } from "../stack/command.ts";
import { named } from "../stack/engine.ts";
import { keptOnce } from "../stack/ledger.ts";
import { type Away, awayWhile, during } from "../stack/replaced.ts";
import { Stack } from "../stack/stack.ts";
import { fill, lastingKeys, Snapshot } from "../systems/assistant/data.ts";
import { assistant } from "../systems/assistant/driver.ts";
import { NEWEST } from "../systems/assistant/schema.ts";

/** The version before a system was a folder and a store an object. The next version that lands takes its place. */
const FORMER = "092e8d0f1e2907e9f988a32cfb91648ffc158ed5";
const STACK = "e2e-former";

describe("the path from a former version", function () {
  this.timeout(1_800_000);
  const stack = new Stack(assistant, {
    stack: STACK,
    portOffset: 17_000,
    checkout: former(FORMER),
    config: {
      "berth:backup": { every: "30d", keep: 3 },
      // The former version took a name that is none, and did nothing with it.
      "berth:baseImages": { pgvector: "pgvector/pgvector:pg17" },
    },
  });
  const { project, driver } = stack;
  const stores = driver.stores.map(({ service }) => service);

  /**
   * Name, inode and birth of every volume that holds data. What the engine calls its creation is the last change in
   * its folder.
   */
  async function dataVolumes(): Promise<string[]> {
    const labels = [`berth.stack=${STACK}`, "berth.keep=data"].flatMap((label) => ["--filter", `label=${label}`]);
    const names = (await docker("volume", "ls", "--quiet", ...labels)).split("\n").sort();
    const image = await docker("inspect", "--format", "{{.Image}}", await project.container("postgres"));
    const mounts = names.flatMap((name) => ["--volume", `${name}:/volumes/${name}:ro`]);
    const stat = ["--entrypoint", "stat", image, "--format", "%n %i %W", ...names.map((name) => `/volumes/${name}`)];
    return (await docker("run", "--rm", "--user", "0", "--network", "none", ...mounts, ...stat)).split("\n");
  }
  const backup = async (...args: string[]): Promise<string> =>
    docker("exec", await project.container("backup"), "backup", ...args);

  interface Accepted {
    readonly jobs: string[];
    /** Ids of writes that end in a job. */
    readonly writes: string[];
  }
  /** Gives the workers as much to do as they can while something is done. @returns what was accepted */
  async function busy(work: () => Promise<unknown>): Promise<Accepted> {
    const accepted: Accepted = { jobs: [], writes: [] };
    let ended = false;
    // What meets the edge while it is away is not accepted: the load counts how much that is.
    const accept = async (ids: string[], attempt: () => Promise<string | undefined>): Promise<void> => {
      const id = await attempt().catch(() => undefined);
      if (id !== undefined) ids.push(id);
    };
    const write = async (): Promise<string | undefined> => {
      const id = crypto.randomUUID();
      const { path, body } = driver.effects.later.write(id);
      return (await stack.session.post(path, body)).status < 300 ? id : undefined;
    };
    const begin = async (): Promise<void> => {
      for (; !ended; await sleep(4000)) {
        await accept(accepted.jobs, () => driver.jobs.begin(stack.session, 8));
        await accept(accepted.writes, write);
      }
    };
    await Promise.all([work().finally(() => (ended = true)), begin()]);
    return accepted;
  }

  let data: Snapshot, keys: ReadonlyMap<string, string>, volumes: readonly string[], id: string;
  before(async () => {
    await stack.create();
    await stack.start();
    await fill(stack);
    const made = await command("docker", ["exec", await project.container("backup"), "backup", "run"]);
    assert.equal(made.code, 0, made.output);
    id = /^\d{8}T\d{6}Z$/m.exec(made.output)![0];
    [data, keys, volumes] = [await Snapshot.take(stack), await lastingKeys(project), await dataVolumes()];
    assert.ok(volumes.length > stores.length, volumes.join("\n"));
  });
  after(() => stack.remove());

  it("what it refuses of the former stack file it names with the command that mends it, and nothing is touched", async () => {
    const [objects, containers] = [await project.objects(), await project.containers()];
    await project.checkOut(copyCheckout);
    const refused = await project.preview();
    assert.notEqual(refused.code, 0, refused.output);
    assert.match(refused.output, /berth:baseImages: "pgvector" is not known[\s\S]*allowed: postgres, /);
    assert.match(refused.output, /Nothing was touched/);
    const fixes = [...refused.output.matchAll(/^ *fix: +(.+)$/gm)].map(([, line]) => line!);
    assert.deepEqual(fixes, [`pulumi config rm --path berth:baseImages.pgvector --stack ${STACK}`]);
    for (const fix of fixes) await good(command("sh", ["-c", fix], { cwd: project.dir, env: project.env }));
    await good(project.preview());
    assert.deepEqual([await project.objects(), await project.containers()], [objects, containers]);
  });

  it("one pulumi up under load: what fails meets a single service that is replaced, and every row and job is there", async () => {
    let away: readonly Away[] = [];
    let accepted: Accepted | undefined;
    const report = await stack.underLoad(
      async () => {
        accepted = await busy(async () => {
          away = await awayWhile(project, () => good(project.up()));
        });
      },
      { share: 0.5 },
    );
    const { failed, sent, slowSent, seconds } = report;
    const ms = (all: readonly { began: number; ended: number }[]): number =>
      all.length && Math.round(Math.max(...all.map(({ ended }) => ended)) - Math.min(...all.map(({ began }) => began)));
    console.log(
      `      ${sent} requests and ${slowSent} slow ones in ${Math.round(seconds)} s, ${failed.length} failed`,
    );
    for (const one of away) {
      const met = during(failed, [one]);
      console.log(
        `      ${one.service} was replaced: healthy again after ${ms([one])} ms;`,
        `${met.length} requests failed within ${ms(met)} ms`,
      );
      // Seconds, as for any replacement of a single service.
      assert.ok(met.length < (sent / seconds) * 10, `${met.length} failed`);
    }
    const ofEdge = during(
      failed,
      away.filter(({ service }) => service === "edge"),
    );
    const ofStores = during(
      failed,
      away.filter(({ service }) => stores.includes(service)),
    ).filter(({ what }) => /: status 503$/.test(what));
    assert.deepEqual(
      failed.filter((one) => !ofEdge.includes(one) && !ofStores.includes(one)),
      [],
    );

    await keptOnce(stack, driver.effects.direct, report.acknowledged);
    const { jobs, writes } = accepted!;
    assert.ok(jobs.length > 3 && writes.length > 3, `${jobs.length} jobs, ${writes.length} writes`);
    await keptOnce(stack, driver.effects.later, writes);
    const done = await eventually(async () => {
      const found = await driver.jobs.done(stack, jobs);
      assert.deepEqual([...found.keys()].sort(), [...jobs].sort());
      return found;
    }, 120);
    const again = [...done.values()].filter((times) => times > 1).length;
    console.log(`      ${jobs.length} jobs done, ${again} of them begun again; ${data.rows} rows whole`);

    await data.assertWhole();
    const now = await lastingKeys(project);
    assert.deepEqual(
      [...keys].filter(([key, hash]) => now.get(key) !== hash),
      [],
    );
    assert.deepEqual(
      (await dataVolumes()).filter((volume) => volumes.includes(volume)),
      volumes,
    );
    // By the token of before.
    await stack.isReady();
    assert.equal(await project.output("schemaVersion"), NEWEST);
  });

  it("a second up changes nothing, and nothing of the former version is left", async () => {
    await unchanged(project.up());
    await project.assertDeclared();
    assert.deepEqual(await project.unhealthy(), []);
  });

  it("a backup of the former version is read by the new one", async () => {
    await backup("verify", id);
    const listed = JSON.parse(await backup("list", "--json")) as { id: string; verified: boolean }[];
    assert.ok(
      listed.some((one) => one.id === id && one.verified),
      JSON.stringify(listed),
    );
  });

  it("a data volume that is not adopted is seen as lost, and is there again once it is adopted (negative control)", async () => {
    const rename = (from: string, to: string) =>
      project.edit("systems/stores/postgres.ts", (text) => text.replace(`name: "${from}"`, `name: "${to}"`));
    rename("postgres-data", "postgres-lost");
    await good(project.up());
    await assert.rejects(data.assertWhole());
    assert.equal((await dataVolumes()).length, volumes.length + 1);
    rename("postgres-lost", "postgres-data");
    await good(project.up());
    await data.assertWhole();
    await docker("volume", "rm", await named(project, "volume", "postgres-lost"));
    await eventually(() => stack.isReady(), 60);
    await project.assertDeclared();
  });
});
