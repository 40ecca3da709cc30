/**
 * Grafana's start with a rotated password: it must not serve with the former one (PA-46). Grafana itself
 * cannot be had here; its words are its own.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SCRIPT = readFileSync(new URL("../../../monitoring/grafana/start.sh", import.meta.url), "utf8");

describe("monitoring/grafana/start.sh", () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "berth-grafana-"));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  /** @param reset What `grafana cli` does, as shell. */
  function start(reset: string, database = true): { status: number | null; output: string; given: string } {
    const program = (name: string, text: string): void => {
      writeFileSync(join(dir, name), `#!/bin/sh\n${text}\n`);
      chmodSync(join(dir, name), 0o755);
    };
    program("grafana", `cat > ${dir}/given\n${reset}`);
    program("run.sh", "echo serves");
    writeFileSync(join(dir, "admin-password"), "rotated");
    writeFileSync(join(dir, "given"), "");
    if (database) writeFileSync(join(dir, "grafana.db"), "");
    const script = SCRIPT.replace("/etc/berth/secrets", dir).replace("exec /run.sh", `exec ${dir}/run.sh`);
    const { status, stdout, stderr } = spawnSync("sh", ["-c", script], {
      encoding: "utf8",
      env: { PATH: `${dir}:${process.env["PATH"]}`, GF_PATHS_DATA: dir, GF_PATHS_HOME: dir },
    });
    return { status, output: stdout + stderr, given: readFileSync(join(dir, "given"), "utf8") };
  }

  it("a database that is there gets the password of now, then it serves", () => {
    const { status, output, given } = start("echo 'Admin password changed successfully'");
    assert.deepEqual({ status, given }, { status: 0, given: "rotated" });
    assert.match(output, /serves/);
  });
  it("a new database takes it by itself", () =>
    assert.deepEqual(start("exit 9", false), { status: 0, output: "serves\n", given: "" }));
  for (const end of [0, 1])
    it(`where it cannot be set, nothing serves, and the reason is said, though the program ends with ${end}`, () => {
      const { status, output } = start(`echo 'disk full'; exit ${end}`);
      assert.equal(status, 1);
      assert.ok(
        output.includes(
          `disk full${end === 0 ? "" : ` (status ${end})`}\ngrafana: the new admin password could not be set`,
        ),
        output,
      );
      assert.doesNotMatch(output, /serves/);
    });
  for (const words of [
    "echo 'could not read user from database: user not found'; exit 1",
    "echo 'Admin user cannot be found ✘.'",
  ])
    it(`a database without an admin yet is finished by Grafana: ${words}`, () => {
      const { status, output } = start(words);
      assert.equal(status, 0);
      assert.match(output, /serves/);
    });
});
