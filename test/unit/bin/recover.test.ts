/** What a run that was killed left; a docker client and a CLI of sh stand for the engine and for Pulumi. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PROGRAM = join(import.meta.dirname, "../../../bin/recover.ts");

describe("bin/recover.ts", () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-recover-"));
  after(() => rmSync(folder, { recursive: true }));
  /** @returns what was asked, in its order. @param pending Operations that the state says are under way. */
  const recovered = (pending: readonly object[]): string[] => {
    const program = (name: string, script: string) =>
      writeFileSync(join(folder, name), `#!/bin/sh\necho "${name} $*" >> ${folder}/asked\n${script}\n`, {
        mode: 0o755,
      });
    const container = (name: string) => `printf '${name}\\tassistant-dev-${name}\\t-\\n'`;
    program("docker", `case "$1" in ps) ${container("api")}; ${container("postgres")}; ${container("migrate")};; esac`);
    const state = {
      deployment: {
        resources: ["api", "postgres"].map((id) => ({ type: "docker:index/container:Container", id })),
        pending_operations: pending,
      },
    };
    program("pulumi", `case "$2" in export) echo '${JSON.stringify(state)}';; esac`);
    writeFileSync(join(folder, "asked"), "");
    const env = { ...process.env, PATH: `${folder}:${process.env["PATH"]}`, PULUMI_BACKEND_URL: "https://elsewhere" };
    const { status, stderr } = spawnSync(process.execPath, [PROGRAM, "dev"], { cwd: folder, env, encoding: "utf8" });
    assert.equal(status, 0, stderr);
    return readFileSync(join(folder, "asked"), "utf8").split("\n");
  };
  /** @param volumes What the engine has of volumes; of the stack's containers it has none. */
  const onEngine = (volumes: string, protect: boolean): { status: number | null; stderr: string } => {
    const resources = [
      { type: "docker:index/container:Container", id: "api" },
      { type: "docker:index/volume:Volume", id: "berth-unit-postgres-data", protect },
    ];
    const program = (name: string, script: string) =>
      writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    program("docker", `case "$*" in "volume ls --quiet") echo '${volumes}';; esac`);
    program("pulumi", `echo '${JSON.stringify({ deployment: { resources } })}'`);
    const env = { ...process.env, PATH: `${folder}:${process.env["PATH"]}`, PULUMI_BACKEND_URL: "https://elsewhere" };
    return spawnSync(process.execPath, [PROGRAM, "dev"], { cwd: folder, env, encoding: "utf8" });
  };

  it("ends a migration that a killed run left at work, before the next update begins, and nothing that is known", () => {
    const asked = recovered([{ type: "creating" }]);
    const removed = asked.filter((line) => line.startsWith("docker rm"));
    assert.deepEqual(removed, ["docker rm --force --volumes migrate"]);
    const refreshed = asked.findIndex((line) => line.startsWith("pulumi refresh --stack dev"));
    assert.ok(refreshed > asked.indexOf(removed[0]!), asked.join("\n"));
  });
  it("asks for no refresh where nothing was cut off", () =>
    assert.ok(!recovered([]).some((line) => line.startsWith("pulumi refresh"))));
  it("refuses an engine where nothing is of what the stack protects: DOCKER_HOST names another than its own", () => {
    const { status, stderr } = onEngine("somebody-else", true);
    assert.equal(status, 1);
    assert.match(stderr, /nothing of stack dev is on this engine .*docker:host.*pulumi refresh --stack dev/s);
  });
  it("mends what lost its containers alone, and what nobody protects", () => {
    assert.equal(onEngine("berth-unit-postgres-data", true).status, 0);
    assert.equal(onEngine("somebody-else", false).status, 0);
  });
});
