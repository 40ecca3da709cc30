/** A run that is killed at any point, by any means, costs nothing but one further bin/up. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { Load } from "../load/load.ts";
import { Client } from "../e2e/client.ts";
import { command, docker, eventually, Project, ROOT, sleep } from "../e2e/support.ts";

const STACK = "e2e-crash";
const OFFSET = 33000;
const EDGE = `http://127.0.0.1:${8000 + OFFSET}`;
const SEED = Number(process.env["BERTH_TEST_SEED"] ?? randomInt(1e9));

const ENGINE_PID = join(process.env["BERTH_BENCH_HOME"] ?? join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "berth-bench"), "engine/dockerd.pid");
const ALONE = existsSync(ENGINE_PID) && existsSync(`/proc/${readFileSync(ENGINE_PID, "utf8").trim()}`)
  && execFileSync("docker", ["ps", "-q", "--filter", "label=berth.stack"], { encoding: "utf8" }).trim() === "";

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

interface Resource { readonly type: string; readonly delete?: boolean; readonly outputs?: { readonly name?: string } }
interface Deployment { readonly resources: readonly Resource[]; readonly pending_operations?: readonly unknown[] }

/** A process and everything below it: the CLI gives its plugins groups of their own. */
function family(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) try {
    const parent = Number(/PPid:\s+(\d+)/.exec(readFileSync(`/proc/${entry}/status`, "utf8"))![1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
  } catch { /* ended meanwhile */ }
  const below = (one: number): number[] => [one, ...(children.get(one) ?? []).flatMap(below)];
  return below(pid);
}

describe("a run that is killed", function () {
  this.timeout(900_000);
  const RUNTIME = { "berth:imageTarget": "runtime", "berth:sourceMounts": false, "berth:debug": false, "berth:settle": 2 };
  const project = new Project({ stack: STACK, portOffset: OFFSET, config: { ...RUNTIME, "berth:services": { api: { environment: { RATE_LIMIT_PER_MINUTE: 0 } } } } });
  const random = seeded(SEED);
  const env = { PULUMI_CONFIG_PASSPHRASE: "e2e", BERTH_BENCH: process.env["BERTH_BENCH"] };
  const title = `survives ${SEED}`;

  const state = async (): Promise<Deployment> => {
    const { output } = await project.pulumi("stack", "export", "--stack", STACK);
    return (JSON.parse(output.slice(output.indexOf("{"))) as { deployment: Deployment }).deployment;
  };
  /** What the state says there is, in the words of Project.objects. */
  const declared = async (): Promise<string[]> => (await state()).resources
    .flatMap(({ type, outputs }) => [/^docker:index\/(container|network|volume):/.exec(type)?.[1]].filter(Boolean).map((kind) => `${kind} ${outputs!.name}`)).sort();

  /** Starts plain `pulumi up` and kills it: with its plugins, or the CLI alone, which leaves the plugins at work. */
  async function killed(when: () => Promise<unknown>, alone: boolean): Promise<boolean> {
    const child = spawn("pulumi", ["up", "--stack", STACK, "--yes", "--skip-preview", "--non-interactive"], { cwd: project.dir, env: { ...process.env, ...env }, stdio: "ignore" });
    const end = new Promise((resolve) => child.once("close", resolve));
    await Promise.race([when(), end]);
    if (child.exitCode !== null) return false;
    for (const pid of alone ? [child.pid!] : family(child.pid!)) try { process.kill(pid, "SIGKILL"); } catch { /* was faster */ }
    await end;
    return true;
  }
  const killedAfter = (seconds: number, alone: boolean) => killed(() => sleep(seconds * 1000), alone);

  async function recovered(): Promise<void> {
    const { code, output } = await project.script("up", STACK);
    assert.equal(code, 0, output);
    assert.deepEqual(await project.objects(), await declared());
    const { resources, pending_operations: pending = [] } = await state();
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
    const made = () => eventually(async () => assert.ok((await project.containers("postgres")).has(`assistant-${STACK}-postgres`)), 120);
    assert.ok(await killed(made, true));
    assert.notDeepEqual(await project.objects(), await declared(), "nothing unrecorded: the kill came at a harmless time");
    await recovered();
    const { status } = await (await user()).post("/v1/tasks", { title });
    assert.ok(status < 300);
  });

  it("at random points of changes, under load: no request fails, one bin/up completes it, the data is there", async () => {
    const load = new Load({ url: EDGE, token: (await user()).token, kept: 20, fresh: 5, slow: 4 }).start();
    const moments: string[] = [];
    for (let round = 1; round <= 3; round += 1) {
      project.configure({
        "berth:services": { api: { environment: { RATE_LIMIT_PER_MINUTE: 0, ROUND: round } }, agent: { environment: { ROUND: round } }, worker: { memory: round % 2 ? "320MiB" : "384MiB" } },
        "berth:logLevel": round % 2 ? "INFO" : "DEBUG",
      });
      if (round > 1) await project.pulumi("cancel", "--stack", STACK, "--yes");
      const [seconds, alone] = [2 + random() * 22, random() < 0.5];
      moments.push(`${seconds.toFixed(1)} s${alone ? " alone" : ""}${await killedAfter(seconds, alone) ? "" : " (had ended)"}`);
    }
    console.log(`    killed after ${moments.join(", ")}`);
    await recovered();
    const { failures, sent, ok, slowSent, slowOk } = await load.stop();
    console.log(`    ${sent} requests and ${slowSent} slow ones, failed: ${sent - ok + slowSent - slowOk}`);
    assert.deepEqual(failures, {});
    assert.ok(sent > 500 && ok === sent && slowOk === slowSent);
    assert.ok(JSON.stringify((await (await user()).get("/v1/tasks")).body).includes(title));
    const { code, output } = await project.pulumi("preview", "--stack", STACK, "--expect-no-changes");
    assert.equal(code, 0, output);
  });

  // Only where the engine is the bench's own and nobody else is at work on it.
  if (ALONE) it("the engine killed during an update: one bin/up completes it, the data is there", async () => {
    project.configure({ "berth:services": { api: { environment: { RATE_LIMIT_PER_MINUTE: 0, ROUND: "engine" } } } });
    const up = project.up();
    await sleep(2000 + random() * 10_000);
    process.kill(Number(readFileSync(ENGINE_PID, "utf8")), "SIGKILL");
    assert.notEqual((await up).code, 0);
    for (const script of ["stop.sh", "start.sh"]) await command(join(ROOT, "bench/engine", script), []);
    await recovered();
    assert.ok(JSON.stringify((await (await user()).get("/v1/tasks")).body).includes(title));
  });

  it("what nobody declared is found (negative control), and removed, but never data", async () => {
    const data = `berth-${STACK}-kept`;
    await docker("create", "--label", `berth.stack=${STACK}`, "--name", `berth-${STACK}-stranger`, "redis:8.0");
    await docker("volume", "create", "--label", `berth.stack=${STACK}`, "--label", "berth.keep=data", data);
    assert.notDeepEqual(await project.objects(), await declared());
    const { code, output } = await project.script("up", STACK);
    assert.equal(code, 0, output);
    assert.match(output, new RegExp(`removing container berth-${STACK}-stranger`));
    assert.deepEqual((await project.objects()).filter((object) => object !== `volume ${data}`), await declared());
    await docker("volume", "rm", data);
  });

  it("two bin/up at once: the second waits for the first", async () => {
    project.configure({ "berth:services": { agent: { environment: { ROUND: "both" } } } });
    const [one, other] = await Promise.all([project.script("up", STACK), project.script("up", STACK)]);
    assert.deepEqual([one.code, other.code], [0, 0], one.output + other.output);
    const waited = [one, other].filter(({ output }) => /another run is at work on stack e2e-crash: waiting/.test(output));
    assert.equal(waited.length, 1);
    assert.match(waited[0]!.output, /Resources:\s+\d+ unchanged\s/);
    assert.deepEqual(await project.objects(), await declared());
  });

  it("a lock that is held is respected, whoever asks", async () => {
    project.configure({ "berth:services": { agent: { environment: { ROUND: "held" } } } });
    const locks = `${project.dir}/.state/.pulumi/locks/organization/berth/${STACK}`;
    const plain = project.up();
    await eventually(() => Promise.resolve(assert.ok(existsSync(locks) && readdirSync(locks).some((file) => file.endsWith(".json")))));
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
