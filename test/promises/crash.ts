/** Promise 10, first half: a run that is killed at any point, by any means, costs nothing but one further bin/up. */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { ALL, inAll } from "../length.ts";
import { TOOLS } from "../stack/engine.ts";
import { killed, killedAfter } from "../stack/kill.ts";
import { killEngine, ownEngine, startEngine } from "../stack/own-engine.ts";
import { docker, eventually, good, sleep } from "../stack/command.ts";
import { provisioned } from "../stack/provisioned.ts";
import { rolesOf } from "../stack/roles.ts";
import type { Stack } from "../stack/stack.ts";
import { announced, madeBy, plainly } from "../stack/steps.ts";

const SEED = Number(process.env["BERTH_TEST_SEED"] ?? randomInt(1e9));

interface Kill {
  /** Tenths of seconds after the start of the run. */
  readonly after: number;
  /** Whether the CLI dies alone, and leaves its plugins at work. */
  readonly alone: boolean;
}

/** Kills at random points, the same for the same seed. */
function kills(count: number, until: number): readonly Kill[] {
  const one = fc.record({ after: fc.integer({ min: 20, max: until }), alone: fc.boolean() });
  return fc.sample(one, { seed: SEED, numRuns: count, unbiased: true });
}

export function crash(stack: Stack): void {
  const { project, driver } = stack;
  const kept = `survives ${SEED}`;
  const up = async (): Promise<string> => (await good(project.script("up", project.stack))).output;

  /** One bin/up ends what was cut off. @returns what it said */
  async function recovered(): Promise<string> {
    const output = await up();
    await project.assertDeclared();
    await eventually(() => stack.isReady());
    return output;
  }
  const keptData = async (): Promise<void> => assert.ok(await driver.keeps(stack.session, kept), `${kept} is lost`);

  before(() => console.log(`      BERTH_TEST_SEED=${SEED}`));

  describe("promise 10: the first creation, killed when the database is made but not recorded", () => {
    let output = "";

    it("one bin/up completes it, and what there is then is what the preview announced from nothing", async () => {
      const told = await announced(project);
      // More than a container for each: images, networks and volumes as well.
      assert.ok(told.size > project.known.plan.services.length, `${told.size} steps`);
      const database = rolesOf(stack).named("postgres");
      const made = () => eventually(async () => assert.ok((await project.containers("postgres")).has(database)), 120);
      assert.ok(await killed(project, made, true), "it ended before the database was made");
      const [objects, declared] = [await project.objects(), await project.declared()];
      assert.notDeepEqual(objects, declared, "nothing is unrecorded: the kill came at a harmless time");
      output = await up();
      await project.assertDeclared();
      assert.deepEqual(plainly(await project.objects()), madeBy(told));
    });

    it("everything is healthy, as often as the plan says", async () => {
      assert.match(output, /is up and healthy/);
      assert.deepEqual(await project.unhealthy(), []);
      const found = Object.entries(await project.byService()).map(([name, all]) => [name, all.length]);
      const planned = project.plan().services.map(({ name, replicas }) => [name, replicas]);
      assert.deepEqual(Object.fromEntries(found), Object.fromEntries(planned));
    });

    it("the URLs are printed, and answer", async () => {
      const urls = await project.output<Record<string, string>>("urls");
      assert.deepEqual(urls, project.plan().urls);
      for (const [name, url] of Object.entries(urls)) {
        assert.ok(output.includes(url), `${url} was not printed`);
        if (url.startsWith("http")) assert.ok((await fetch(url)).status < 500, `${name}: ${url}`);
      }
      await stack.enter();
      await stack.isReady();
      await driver.keep(stack.session, kept);
    });

    it("the outputs are those that are documented", async () => {
      const { plan, front, image } = rolesOf(stack);
      assert.equal(await project.output("edgeUrl"), plan.publicUrl);
      const [containers, running] = [
        await project.output<Record<string, string[]>>("containers"),
        await project.containers(),
      ];
      for (const name of Object.values(containers).flat()) assert.ok(running.has(name), name);
      const images = await project.output<Record<string, string>>("images");
      assert.match(images[front]!, /^sha256:[0-9a-f]{64}$/);
      const sources = readdirSync(join(project.dir, plan.images[image]!.context), { recursive: true }) as string[];
      const migrations = sources.flatMap((file) => /migrations\/versions\/(\d+)/.exec(file)?.[1] ?? []);
      assert.equal(await project.output("schemaVersion"), migrations.sort().at(-1));
    });
  });

  describe("promise 10: an update, killed", () => {
    before(async () => {
      await provisioned(stack);
      if (!(await driver.keeps(stack.session, kept))) await driver.keep(stack.session, kept);
    });

    /** Runs are killed under load, then one bin/up completes it. @returns what that said */
    async function cutOff(points: readonly Kill[], beforehand = () => Promise.resolve()): Promise<string> {
      const { front, inner, worker } = rolesOf(stack);
      const moments: string[] = [];
      let output = "";
      const work = async (): Promise<void> => {
        for (const [n, { after, alone }] of points.entries()) {
          for (const service of [front, inner]) project.environment(service, { ROUND: `${n} of ${points.length}` });
          project.set(worker, { memory: n % 2 ? "384MiB" : "320MiB" });
          project.configure({ "berth:logLevel": n % 2 ? "DEBUG" : "WARNING" });
          if (n > 0) await project.pulumi("cancel", "--stack", project.stack, "--yes");
          const cut = await killedAfter(project, after / 10, alone);
          moments.push(`${after / 10} s${alone ? " alone" : ""}${cut ? "" : " (had ended)"}`);
        }
        console.log(`      killed after ${moments.join(", ")}`);
        await beforehand();
        output = await up();
        await eventually(() => stack.isReady());
      };
      await stack.lossless(work, { share: 0.25, slow: 4 });
      await keptData();
      return output;
    }

    it("at a random point, under load: no request fails, and one bin/up completes it, and removes what is not declared, but never data", async () => {
      const [stranger, data] = [`berth-${project.stack}-stranger`, `berth-${project.stack}-kept`];
      const label = ["--label", `berth.stack=${project.stack}`];
      const strangers = async (): Promise<void> => {
        await docker("create", ...label, "--name", stranger, TOOLS);
        await docker("volume", "create", ...label, "--label", "berth.keep=data", data);
        // Negative control: what is not declared shows.
        await assert.rejects(project.assertDeclared(), new RegExp(`undeclared: container ${stranger}`));
      };
      const output = await cutOff(kills(1, 150), strangers);
      assert.match(output, new RegExp(`removing container ${stranger}`));
      assert.ok((await project.objects()).includes(`volume ${data}`), "data was removed");
      await docker("volume", "rm", data);
      await project.assertDeclared();
    });

    inAll(
      "at three random points, one after another, under load: no request fails, and one bin/up completes it",
      async () => {
        await cutOff(kills(3, 240));
        await project.assertDeclared();
        await good(project.preview("--expect-no-changes"));
      },
    );

    // It ends every stack of the engine: in the gate, another one serves at this one's side.
    if (!ALL || ownEngine())
      inAll("by the end of its engine: one bin/up completes it, and the data is there", async () => {
        project.environment(rolesOf(stack).front, { ROUND: "engine" });
        const update = project.up();
        const [{ after }] = kills(1, 120) as [Kill];
        await sleep(after * 100);
        await killEngine("SIGKILL");
        assert.notEqual((await update).code, 0, "it had ended");
        await startEngine();
        await recovered();
        await keptData();
      });
  });
}
