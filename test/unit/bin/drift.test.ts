/** What bin/up finds out about a stack and its engine; a docker client and a CLI of sh stand for both of them. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PROGRAM = join(import.meta.dirname, "../../../bin/drift.ts");
const DATA = "assistant-dev-postgres-data";

describe("bin/drift.ts", () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-drift-"));
  after(() => rmSync(folder, { recursive: true }));
  /** @param there Volumes of the engine, none of which has a label. */
  const found = (...there: string[]) => {
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
    const urn = `urn:pulumi:dev::berth::berth:volume:Volumes$docker:index/volume:Volume::${DATA}`;
    const resources = [{ type: "docker:index/volume:Volume", id: DATA, urn, inputs: { name: DATA } }];
    program("pulumi", `echo '${JSON.stringify({ deployment: { resources } })}'`);
    const env = { ...process.env, PATH: `${folder}:${process.env["PATH"]}` };
    const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, "dev", "--repair"], {
      cwd: folder,
      env,
      encoding: "utf8",
    });
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
});
