/** What bin/drift and bin/up find out about a stack and its engine; a docker client and a CLI of sh stand for both. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PROGRAM = join(import.meta.dirname, "../../../bin/drift.ts");
const DATA = "assistant-dev-postgres-data";
const urnOf = (type: string, name: string): string => `urn:pulumi:dev::berth::${type}::${name}`;

describe("bin/drift.ts", () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-drift-"));
  after(() => rmSync(folder, { recursive: true }));
  /** @param there Volumes of the engine, none of which has a label. @param preview What the CLI does, in sh. */
  const run = (there: readonly string[], preview: string, ...options: string[]) => {
    const [exported] = options.includes("--nowhere")
      ? ["echo \"error: no stack named 'dev' found\" >&2; exit 255"]
      : [];
    const program = (name: string, script: string) =>
      writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const inspected = JSON.stringify([{ Name: DATA, Labels: null }]);
    program(
      "docker",
      `case "$*" in
        "volume ls --format "*) printf '%s \\n' ${there.join(" ")};;
        "volume inspect ${DATA}") echo '${inspected}';;
        info*) echo true true;;
      esac`,
    );
    const urn = urnOf("berth:volume:Volumes$docker:index/volume:Volume", DATA);
    const resources = [{ type: "docker:index/volume:Volume", id: DATA, urn, inputs: { name: DATA } }];
    const state = JSON.stringify({ deployment: { resources } });
    program(
      "pulumi",
      `case "$*" in *--refresh*) exit 9;; preview*) ${preview};; *) ${exported ?? `echo '${state}'`};; esac`,
    );
    const env = { ...process.env, PATH: `${folder}:${process.env["PATH"]}` };
    return spawnSync(process.execPath, [PROGRAM, "dev", ...options], { cwd: folder, env, encoding: "utf8" });
  };
  const found = (...there: string[]) => {
    const { status, stdout, stderr } = run(there, "exit 1", "--repair");
    assert.equal(status, 0, stderr);
    return { stdout, stderr };
  };

  it("knows a volume with data that was there before the stack, and so has none of its labels", () => {
    assert.deepEqual(found(DATA, "somebody-else"), { stdout: "", stderr: "" });
  });
  it("says that one is gone", () => {
    const { stdout, stderr } = found("somebody-else");
    assert.equal(stdout, "--refresh\n");
    assert.match(stderr, new RegExp(`volume ${DATA}: is gone; bin/up makes it anew`));
  });

  const steps = [{ op: "replace", urn: urnOf("docker:index/container:Container", "api-1") }];
  const ahead = `echo '${JSON.stringify({ steps })}'`;
  const refused = "echo 'error: berth:colour: no such key' >&2; exit 1";
  const gone = `volume ${DATA}: is gone; bin/up makes it anew\n`;

  it("takes what this checkout would bring, as after a rollback, for no difference of the engine", () => {
    const { status, stdout, stderr } = run([DATA], ahead);
    assert.deepEqual([status, stdout], [0, ""], stderr);
    assert.match(
      stderr,
      /^stack dev and its engine agree\nthis checkout is not what stack dev runs \(1 to replace\): /,
    );
  });
  it("says nothing of a checkout that would bring nothing", () => {
    assert.equal(run([DATA], "echo '{}'").stderr, "stack dev and its engine agree\n");
  });
  it("tells a difference from what this checkout would bring", () => {
    const { status, stdout, stderr } = run([], ahead);
    assert.deepEqual([status, stdout], [2, gone]);
    assert.match(stderr, /^1 difference between stack dev and its engine\nthis checkout is not what/);
  });
  it("says where it looked for a state that is not there, and what makes one", () => {
    const { status, stdout, stderr } = run([DATA], ahead, "--nowhere");
    assert.deepEqual([status, stdout], [1, ""]);
    assert.match(stderr, /^error: stack dev has no state in .*: bin\/up dev makes it, or PULUMI_BACKEND_URL/);
  });
  it("tells nothing in the middle of an update by another machine", () => {
    const { status, stdout, stderr } = run([], "echo 'error: the stack is currently locked by 1 lock(s)' >&2; exit 1");
    assert.deepEqual([status, stdout], [1, ""]);
    assert.match(stderr, /^error: the stack is currently locked/);
  });
  it("tells it where this checkout's program is refused as well, and what refuses it", () => {
    const { status, stdout, stderr } = run([], refused);
    assert.deepEqual([status, stdout], [2, gone]);
    assert.match(stderr, /error: what this checkout would bring is not known: .*berth:colour/);
    assert.equal(run([DATA], refused).status, 1);
  });
});
