/**
 * The engine is asked how large its machine is, wherever it is: a limit beyond it is refused before a thing is touched.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { CONTAINER, dockerClient, find, ofType, type Recorded, runAnew, runProgram } from "./support.ts";

const RECORDED = JSON.parse(
  readFileSync(join(import.meta.dirname, "../unit/config/fixtures/engine-20.10.json"), "utf8"),
) as object;
/** A docker client whose engine has so much; it answers only where it is asked for the right engine. */
const engine = (NCPU: number, gibibytes: number, asked = "", more: object = {}): string => {
  const info = JSON.stringify({ ...RECORDED, NCPU, MemTotal: gibibytes * 1024 ** 3, ...more });
  return `case "$*" in *"${asked}"*info*) echo '${info}';; *info*) exit 1;; *) echo 0000;; esac`;
};

describe("the engine's machine", function () {
  this.timeout(60_000);
  const former = process.env["DOCKER_HOST"];
  afterEach(() => {
    dockerClient();
    if (former === undefined) delete process.env["DOCKER_HOST"];
    else process.env["DOCKER_HOST"] = former;
  });
  const limited = (cpus: number, more: Record<string, unknown> = {}) => ({
    stack: "dev",
    // Sources are mounted from this machine, and so only on this machine's engine.
    config: { "berth:services": { postgres: { cpus } }, "berth:sourceMounts": false, ...more },
  });

  it("is asked for where DOCKER_HOST names it: what exceeds it is refused before the first resource", async () => {
    process.env["DOCKER_HOST"] = "ssh://deploy@elsewhere";
    dockerClient(engine(4, 8));
    const resources: Recorded[] = [];
    await assert.rejects(runAnew({ ...limited(8), resources }), ({ message }: Error) => {
      assert.match(message, /Nothing was touched/);
      assert.match(message, /berth:services\.postgres\.cpus: 8 cores[\s\S]*at most the host's 4 cores/);
      return true;
    });
    assert.deepEqual(
      resources.filter(({ type }) => type.startsWith("docker:")),
      [],
    );
    // The same is taken where the machine has it (negative control).
    dockerClient(engine(16, 64));
    await runAnew(limited(8));
  });
  it("is asked for where the stack file names it", async () => {
    const there = { "docker:host": "tcp://10.0.0.7:2376" };
    dockerClient(engine(4, 8, "--host tcp://10.0.0.7:2376"));
    await assert.rejects(runAnew(limited(8, there)), /at most the host's 4 cores/);
  });
  it("is what the stack file says, where it says so", async () => {
    dockerClient(engine(64, 64));
    const host = { "berth:host": { cpus: 4, memory: "8GiB" } };
    await assert.rejects(runAnew(limited(8, host)), /at most the host's 4 cores/);
  });
  it("builds one image after the other, and all before a container, where it stores them in containerd", async () => {
    const containerd = {
      ServerVersion: "28.5.2",
      Driver: "overlayfs",
      DriverStatus: [["driver-type", "io.containerd.snapshotter.v1"]],
    };
    const waits = async (more: object) => {
      dockerClient(engine(64, 64, "", more));
      const run = await runAnew(limited(1));
      const images = ofType(run, "docker:index/image:Image");
      const urns = new Set(images.map(({ urn }) => urn));
      const count = ({ dependencies }: Recorded): number => dependencies.filter((urn) => urns.has(urn)).length;
      // Redis's image is pulled.
      return { images: images.map(count).sort(), redis: count(find(run, CONTAINER, "assistant-dev-redis")) };
    };
    const {
      images: [apart, ...inTurn],
      redis,
    } = await waits(containerd);
    assert.deepEqual([apart, [...new Set(inTurn)], redis], [0, [1], inTurn.length + 1]);
    assert.deepEqual(await waits({}), { images: [0, ...inTurn.map(() => 0)], redis: 0 });
  });
  it("is refused by name where it cannot run the stack", async () => {
    dockerClient(engine(64, 64, "", { ServerVersion: "18.09.1" }));
    await assert.rejects(runAnew(limited(1)), /the engine: version 18\.09\.1, .*\n {4}allowed: 20\.10 or later/);
  });
  it("is one: a context of the docker client that the provider does not know is refused", async () => {
    const context = `case "$*" in context*) echo ssh://deploy@elsewhere;; *) ${engine(64, 64, "", { ClientInfo: { Context: "elsewhere" } })};; esac`;
    delete process.env["DOCKER_HOST"];
    dockerClient(context);
    await assert.rejects(
      runAnew(limited(1)),
      /docker:host: unset: the docker client's context is ssh:\/\/deploy@elsewhere/,
    );
    // Named in the stack file it is the same engine for both (negative control).
    await runAnew(limited(1, { "docker:host": "ssh://deploy@elsewhere" }));
  });
  it("has log options of its own, perhaps, which come back as its answer and would replace all at each update", async () => {
    for (const { name, inputs, ignoreChanges } of ofType(await runProgram({ stack: "dev" }), CONTAINER)) {
      assert.ok(ignoreChanges.includes("logOpts.compress"), name);
      const own = Object.keys(inputs["logOpts"] as object).map((option) => `logOpts.${option}`);
      assert.ok(own.length > 0 && own.every((option) => !ignoreChanges.includes(option)), name);
    }
  });
  it("is not known where an engine elsewhere says nothing: the program goes on, and says what is not checked", async () => {
    process.env["DOCKER_HOST"] = "ssh://deploy@elsewhere";
    dockerClient("exit 1");
    const said: string[] = [];
    const { warn } = console;
    console.warn = (...words: unknown[]) => said.push(words.join(" "));
    try {
      await runAnew(limited(8));
    } finally {
      console.warn = warn;
    }
    assert.match(said.join("\n"), /berth:host: the engine does not say what its machine has/);
  });
  it("is this one, where it is to mount this checkout", async () => {
    process.env["DOCKER_HOST"] = "ssh://deploy@elsewhere";
    dockerClient(engine(16, 64));
    await assert.rejects(
      runAnew(limited(8, { "berth:sourceMounts": true })),
      /berth:sourceMounts: on, while the engine is on another machine/,
    );
  });
});
