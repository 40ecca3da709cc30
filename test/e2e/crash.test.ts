/** A run that is killed at any point, by any means, costs nothing but one further bin/up. */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { existsSync, readdirSync } from "node:fs";
import { underLoad } from "../load/load.ts";
import { Client } from "./client.ts";
import { killed, killedAfter } from "./kill.ts";
import { killEngine, ownEngine, startEngine } from "./own-engine.ts";
import { command, docker, eventually, Project, sleep } from "./support.ts";

const STACK = "e2e-crash";
const OFFSET = 15500;
const EDGE = `http://127.0.0.1:${8000 + OFFSET}`;
const SEED = Number(process.env["BERTH_TEST_SEED"] ?? randomInt(1e9));

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let n = Math.imul(state ^ (state >>> 15), 1 | state);
    n = (n + Math.imul(n ^ (n >>> 7), 61 | n)) ^ n;
    return ((n ^ (n >>> 14)) >>> 0) / 2 ** 32;
  };
}

describe("a run that is killed", function () {
  this.timeout(900_000);
  const RUNTIME = {
    "berth:imageTarget": "runtime",
    "berth:sourceMounts": false,
    "berth:debug": false,
    "berth:settle": 2,
  };
  const project = new Project({
    stack: STACK,
    portOffset: OFFSET,
    config: { ...RUNTIME, "berth:services": { api: { environment: { RATE_LIMIT_PER_MINUTE: 0 } } } },
  });
  const random = seeded(SEED);
  const env = { PULUMI_CONFIG_PASSPHRASE: "e2e", BERTH_BENCH: process.env["BERTH_BENCH"] };
  const title = `survives ${SEED}`;

  async function recovered(): Promise<void> {
    const { code, output } = await project.script("up", STACK);
    assert.equal(code, 0, output);
    assert.deepEqual(await project.objects(), await project.declared());
    const { resources, pending_operations: pending = [] } = await project.state();
    assert.deepEqual([pending.length, resources.filter((resource) => resource.delete).length], [0, 0]);
    assert.equal((await new Client(EDGE).get("/ready")).status, 200);
  }
  const user = () => new Client(EDGE).enter("crash@example.org");

  before(async () => {
    console.log(`    BERTH_TEST_SEED=${SEED}`);
    await project.pulumi("stack", "select", STACK, "--create");
  });
  after(() => project.remove());

  it("in the first creation, the database made but not recorded: one bin/up completes it", async () => {
    const made = () =>
      eventually(async () => assert.ok((await project.containers("postgres")).has(`assistant-${STACK}-postgres`)), 120);
    assert.ok(await killed(project, made, true));
    assert.notDeepEqual(
      await project.objects(),
      await project.declared(),
      "nothing unrecorded: the kill came at a harmless time",
    );
    await recovered();
    const { status } = await (await user()).post("/v1/tasks", { title });
    assert.ok(status < 300);
  });

  it("at random points of changes, under load: no request fails, one bin/up completes it, the data is there", async () => {
    const moments: string[] = [];
    const { failures, sent, ok, slowSent, slowOk } = await underLoad(
      { url: EDGE, token: (await user()).token, kept: 20, fresh: 5, slow: 4 },
      async () => {
        for (let round = 1; round <= 3; round += 1) {
          project.configure({
            "berth:services": {
              api: { environment: { RATE_LIMIT_PER_MINUTE: 0, ROUND: round } },
              agent: { environment: { ROUND: round } },
              worker: { memory: round % 2 ? "320MiB" : "384MiB" },
            },
            "berth:logLevel": round % 2 ? "INFO" : "DEBUG",
          });
          if (round > 1) await project.pulumi("cancel", "--stack", STACK, "--yes");
          const [seconds, alone] = [2 + random() * 22, random() < 0.5];
          moments.push(
            `${seconds.toFixed(1)} s${alone ? " alone" : ""}${(await killedAfter(project, seconds, alone)) ? "" : " (had ended)"}`,
          );
        }
        console.log(`    killed after ${moments.join(", ")}`);
        await recovered();
      },
    );
    console.log(`    ${sent} requests and ${slowSent} slow ones, failed: ${sent - ok + slowSent - slowOk}`);
    assert.deepEqual(failures, {});
    assert.ok(sent > 500 && ok === sent && slowOk === slowSent);
    assert.ok(JSON.stringify((await (await user()).get("/v1/tasks")).body).includes(title));
    const { code, output } = await project.pulumi("preview", "--stack", STACK, "--expect-no-changes");
    assert.equal(code, 0, output);
  });

  if (ownEngine())
    it("the engine killed during an update: one bin/up completes it, the data is there", async () => {
      project.configure({ "berth:services": { api: { environment: { RATE_LIMIT_PER_MINUTE: 0, ROUND: "engine" } } } });
      const up = project.up();
      await sleep(2000 + random() * 10_000);
      await killEngine("SIGKILL");
      assert.notEqual((await up).code, 0);
      await startEngine();
      await recovered();
      assert.ok(JSON.stringify((await (await user()).get("/v1/tasks")).body).includes(title));
    });

  it("what nobody declared is found (negative control), and removed, but never data", async () => {
    const data = `berth-${STACK}-kept`;
    await docker("create", "--label", `berth.stack=${STACK}`, "--name", `berth-${STACK}-stranger`, "redis:8.0");
    await docker("volume", "create", "--label", `berth.stack=${STACK}`, "--label", "berth.keep=data", data);
    assert.notDeepEqual(await project.objects(), await project.declared());
    const { code, output } = await project.script("up", STACK);
    assert.equal(code, 0, output);
    assert.match(output, new RegExp(`removing container berth-${STACK}-stranger`));
    assert.deepEqual(
      (await project.objects()).filter((object) => object !== `volume ${data}`),
      await project.declared(),
    );
    await docker("volume", "rm", data);
  });

  it("two bin/up at once: the second waits for the first", async () => {
    project.configure({ "berth:services": { agent: { environment: { ROUND: "both" } } } });
    const [one, other] = await Promise.all([project.script("up", STACK), project.script("up", STACK)]);
    assert.deepEqual([one.code, other.code], [0, 0], one.output + other.output);
    const waited = [one, other].filter(({ output }) =>
      /another run is at work on stack e2e-crash: waiting/.test(output),
    );
    assert.equal(waited.length, 1);
    assert.match(waited[0]!.output, /Resources:\s+\d+ unchanged\s/);
    assert.deepEqual(await project.objects(), await project.declared());
  });

  it("a lock that is held is respected, whoever asks", async () => {
    project.configure({ "berth:services": { agent: { environment: { ROUND: "held" } } } });
    const locks = `${project.dir}/.state/.pulumi/locks/organization/berth/${STACK}`;
    const plain = project.up();
    await eventually(() =>
      Promise.resolve(assert.ok(existsSync(locks) && readdirSync(locks).some((file) => file.endsWith(".json")))),
    );
    const refused = await project.script("up", STACK);
    assert.notEqual(refused.code, 0);
    assert.match(refused.output, /is being changed by process \d+ of .*: wait for it/);
    const { code, output } = await plain;
    assert.equal(code, 0, output);
  });

  it("a checkout that does not know what runs removes nothing", async () => {
    const other = new Project({ stack: STACK, portOffset: OFFSET, config: RUNTIME });
    await other.pulumi("stack", "select", STACK, "--create");
    const before = await project.objects();
    const { code, output } = await command(`${other.dir}/bin/up`, [STACK], { cwd: other.dir, env });
    await command("rm", ["-rf", other.dir]);
    assert.notEqual(code, 0);
    assert.match(output, /another checkout made them/);
    assert.deepEqual(await project.objects(), before);
  });
});
