/** Which engine the scripts use: one for the docker client, the docker provider and the program. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../../..");
const OURS = "unix:///var/run/docker.sock";

describe("bin/lib.sh, which engine it uses:", () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-engine-"));
  after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "bin"));
  cpSync(join(ROOT, "bin/lib.sh"), join(folder, "bin/lib.sh"));
  /** @param context What the docker client's context is. @returns DOCKER_HOST, as what is started then finds it. */
  const used = (context: string, stackFile = "", env: object = {}): string => {
    writeFileSync(join(folder, "docker"), `#!/bin/sh\n${context === "" ? "exit 1" : `echo ${context}`}\n`, {
      mode: 0o755,
    });
    writeFileSync(join(folder, "Pulumi.stage.yaml"), `config:\n${stackFile}\n`);
    const script = ". bin/lib.sh; use_engine stage; printenv DOCKER_HOST || true";
    const path = `${folder}:${process.env["PATH"]}`;
    const given = { cwd: folder, encoding: "utf8" as const, env: { PATH: path, HOME: folder, ...env } };
    return execFileSync("bash", ["-c", script], given).trim();
  };
  const there = { DOCKER_HOST: "ssh://there" };

  it("the stack file's", () => assert.equal(used(OURS, "  docker:host: ssh://file", there), "ssh://file"));
  it("otherwise DOCKER_HOST", () => assert.equal(used("ssh://context", "", there), "ssh://there"));
  it("otherwise that of the client's context", () => assert.equal(used("ssh://context"), "ssh://context"));
  it("otherwise this machine's", () => {
    assert.equal(used(OURS), "");
    assert.equal(used(""), "");
  });
});
