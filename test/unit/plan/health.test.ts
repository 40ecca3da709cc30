/** Health checks as the engine runs them: by a shell, as its containers do. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { healthCheck, patient } from "../../../plan/health.ts";
import type { HealthCheck } from "../../../plan/types.ts";

describe("a health check", () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "berth-health-"));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  const mark = (): string => join(dir, "mark");
  /** A line that fails so many times, and then succeeds; it notes each time. */
  const after = (failures: number): string =>
    `echo tried >> ${dir}/did; [ "$(grep -c tried ${dir}/did)" -gt ${failures} ] || exit 7`;
  /** Runs it once, as the engine does. @returns exit code, and what it did: tries, and seconds that it waited */
  function run(check: HealthCheck): { code: number | null; did: string[] } {
    const [how, line] = patient(check).test;
    assert.equal(how, "CMD-SHELL");
    const noted = `sleep() { echo "$1" >> ${dir}/did; }\n${line!.replaceAll("/tmp/.healthy", mark())}`;
    const { status } = spawnSync("sh", ["-c", noted], { stdio: "ignore" });
    const did = existsSync(join(dir, "did")) ? readFileSync(join(dir, "did"), "utf8").trim().split("\n") : [];
    return { code: status, did };
  }

  it("of a container that starts tries every second until it succeeds", () => {
    assert.deepEqual(run(healthCheck.shell(after(2))), { code: 0, did: ["tried", "1", "tried", "1", "tried"] });
    assert.ok(existsSync(mark()));
  });
  it("gives up after an interval, and has not succeeded then", () => {
    const { code, did } = run(healthCheck.shell(after(9), { interval: 4 }));
    assert.equal(code, 1);
    assert.equal(did.filter((one) => one === "tried").length, 4);
    assert.ok(!existsSync(mark()));
  });
  it("of a container that was healthy tries once, an interval after the one before", () => {
    writeFileSync(mark(), "");
    const check = healthCheck.shell(after(0), { interval: 8, timeout: 5 });
    assert.deepEqual(run(check), { code: 0, did: ["7", "tried"] });
    assert.deepEqual([patient(check).interval, patient(check).timeout], [1, 12]);
  });
  it("of a container that was healthy fails at its first failure", () => {
    writeFileSync(mark(), "");
    assert.deepEqual(run(healthCheck.shell(after(1))), { code: 7, did: ["14", "tried"] });
  });
  it("of a command passes its words as they are", () => {
    const words = ["a b", "it's", "$HOME", "*", "http://127.0.0.1:8000/ready?scope=data", ""];
    const check = healthCheck.command(["sh", "-c", `printf '<%s>\\n' "$@" >> ${dir}/did`, "sh", ...words]);
    assert.deepEqual(
      run(check).did,
      words.map((word) => `<${word}>`),
    );
  });
  it("of an image without a shell is what the engine asks", () => {
    const check = healthCheck.bare(["loki", "-health"]);
    assert.deepEqual(patient(check).test, ["CMD", "loki", "-health"]);
    assert.equal(patient(check).interval, check.interval);
  });
});
