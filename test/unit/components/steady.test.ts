import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { judge, type Look, watch } from "../../../components/steady.ts";

const RULES = { seconds: 15, patience: 120 };
const START = Date.parse("2026-12-31T18:00:00Z");
/** A look so many seconds after the container started. */
const at = (seconds: number, more: Partial<Look> = {}): Look => ({
  name: "x-worker-1",
  status: "running",
  health: "healthy",
  startedAt: START,
  restarts: 0,
  at: START + seconds * 1000,
  ...more,
});

describe("components/steady", () => {
  for (const [what, looks, verdict] of [
    ["one that is healthy for as long as it takes", [at(5), at(12), at(20)], "steady"],
    ["one that has not been looked at for so long", [at(5), at(19)], "wait"],
    ["one of a former release, at once", [at(136)], "steady"],
    ["one that is not healthy yet", [at(1, { health: "starting" }), at(2, { health: "starting" })], "wait"],
    ["one that became healthy meanwhile", [at(1, { health: "starting" }), at(2), at(17)], "steady"],
    [
      "one that never gets healthy",
      [at(1, { health: "starting" }), at(121, { health: "starting" })],
      "does not get healthy",
    ],
    ["one that turns unhealthy", [at(5), at(9, { health: "unhealthy" })], "is unhealthy"],
    ["one of a former release that is unhealthy", [at(9999, { health: "unhealthy" })], "is unhealthy"],
    ["one that ends", [at(5), at(9, { status: "exited" })], "is exited"],
    ["one that the engine starts again and again", [at(5, { status: "restarting" })], "is restarting"],
    ["one that is started anew", [at(5), at(9, { startedAt: START + 8000, health: "starting" })], "was restarted"],
    ["one that is healthy again at once", [at(5), at(9, { startedAt: START + 8000 })], "was restarted"],
    ["one that was started anew before the first look", [at(2, { restarts: 1 })], "was restarted"],
    ["one that was once started anew, long ago", [at(200, { restarts: 3 })], "steady"],
  ] as const)
    it(`judges ${what}`, () =>
      assert.deepEqual(judge(looks, RULES), /steady|wait/.test(verdict) ? verdict : { wrong: verdict }));

  /** In the place of the docker client: one answer of `inspect` a second; the last one stays. */
  function engine(...answers: string[]) {
    let second = 0;
    const asked: string[] = [];
    const ask = (...args: readonly string[]) => {
      asked.push(args[0]!);
      const time = new Date(START + (5 + second) * 1000).toISOString();
      if (args[0] === "info") return Promise.resolve({ stdout: `${time}\n`, stderr: "" });
      if (args[0] === "logs") return Promise.resolve({ stdout: "out\n", stderr: "no broker\n" });
      return Promise.resolve({ stdout: answers[Math.min(second, answers.length - 1)]!, stderr: "" });
    };
    const pause = () => Promise.resolve((second += 1));
    return { ask, pause, asked };
  }
  const GOOD = "/a running healthy 2026-12-31T18:00:00.5Z 0\n/b running healthy 2026-12-31T18:00:00.25Z 0\n";

  it("looks until all of them are steady", async () => {
    const { ask, pause, asked } = engine(GOOD);
    await watch(["1", "2"], RULES, ask, pause);
    assert.equal(asked.filter((command) => command === "inspect").length, 16);
  });
  it("names the one that is not, and repeats its last words", async () => {
    const { ask, pause } = engine(GOOD, GOOD, GOOD.replace("/b running healthy", "/b running unhealthy"));
    await assert.rejects(watch(["1", "2"], RULES, ask, pause), (error: Error) => {
      assert.match(error.message, /^b is unhealthy while the release settles .*berth:settle.*\nout\nno broker$/s);
      return "__pulumiRunError" in error;
    });
  });
  it("ends where the engine does not answer", async () => {
    const ask = () => Promise.reject(new Error("Cannot connect to the Docker daemon"));
    await assert.rejects(watch(["1"], RULES, ask), /Cannot connect/);
  });

  describe("in a program", function () {
    this.timeout(20_000);
    const folder = mkdtempSync(join(tmpdir(), "berth-steady-"));
    after(() => rmSync(folder, { recursive: true }));

    /** Declares a worker and what watches it. @param health What the docker client's place says of the worker. */
    function declared(health: string, preview = false): { status: number | null; names: string; errors: string } {
      writeFileSync(
        join(folder, "docker"),
        `#!/bin/sh
case $1 in
  info) echo 2026-12-31T18:10:00Z;;
  inspect) echo "/worker running ${health} 2026-12-31T18:00:00Z 0";;
esac
`,
        { mode: 0o755 },
      );
      const program = `
        const pulumi = await import("@pulumi/pulumi");
        const docker = await import("@pulumi/docker");
        const { steady } = await import("./components/steady.ts");
        await pulumi.runtime.setMocks({
          newResource: ({ name, inputs }) => (console.log(name), { id: ${preview ? "undefined" : "name"}, state: inputs }),
          call: () => ({}),
        }, "berth", "dev", ${preview});
        const worker = new docker.Container("worker", { image: "x" });
        const rules = { seconds: 15, patience: 120 };
        const routes = { dependsOn: [worker, steady([worker], rules, undefined)] };
        new docker.Container("routes", { image: "x" }, routes);
        await pulumi.runtime.disconnect();`;
      const { status, stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
        cwd: join(import.meta.dirname, "../../.."),
        encoding: "utf8",
        env: { ...process.env, PATH: `${folder}:${process.env["PATH"]}` },
      });
      return { status, names: stdout.trim().replace(/\s+/g, " "), errors: stderr };
    }
    it("moves the routes when the worker is steady", () =>
      assert.deepEqual(declared("healthy"), { status: 0, names: "worker routes", errors: "" }));
    it("asks nothing in a preview", () => assert.equal(declared("unhealthy", true).names, "worker routes"));
    it("leaves the routes where it is not, and fails", () => {
      const { status, names, errors } = declared("unhealthy");
      assert.notEqual(status, 0);
      assert.equal(names, "worker");
      assert.match(errors, /worker is unhealthy while the release settles/);
    });
  });
});
