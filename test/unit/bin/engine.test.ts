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
  const used = (context: string, stackFile = "", env: object = {}, wanted = "DOCKER_HOST"): string => {
    writeFileSync(join(folder, "docker"), `#!/bin/sh\n${context === "" ? "exit 1" : `echo ${context}`}\n`, {
      mode: 0o755,
    });
    writeFileSync(join(folder, "Pulumi.stage.yaml"), `config:\n${stackFile}\n`);
    const script = ". bin/lib.sh; use_engine stage; printenv " + wanted + " || true";
    const path = `${folder}:${process.env["PATH"]}`;
    const given = { cwd: folder, encoding: "utf8" as const, env: { PATH: path, HOME: folder, ...env } };
    return execFileSync("bash", ["-c", script], given).trim();
  };
  const there = { DOCKER_HOST: "ssh://there" };

  it("the stack file's", () => assert.equal(used(OURS, "  docker:host: ssh://file", there), "ssh://file"));
  it("otherwise DOCKER_HOST", () => assert.equal(used("ssh://context", "", there), "ssh://there"));
  it("otherwise that of the client's context", () => assert.equal(used("ssh://context"), "ssh://context"));
  it("with the certificates of the context, where it has some", () => {
    mkdirSync(join(folder, "tls dir/docker"), { recursive: true });
    writeFileSync(join(folder, "tls dir/docker/cert.pem"), "");
    const context = `"tcp://there:2376 ${folder}/tls dir"`;
    assert.equal(used(context), "tcp://there:2376");
    assert.equal(used(context, "", {}, "DOCKER_CERT_PATH"), `${folder}/tls dir/docker`);
    assert.equal(used(`"ssh://there ${folder}"`, "", {}, "DOCKER_CERT_PATH"), "");
  });
  it("says so where the docker client is too old for it", () => {
    const said = "Error response from daemon: client version 1.41 is too old. Minimum supported API version is 1.44";
    writeFileSync(join(folder, "docker"), `#!/bin/sh\necho "${said}"; exit 1\n`, { mode: 0o755 });
    const given = { cwd: folder, encoding: "utf8", stdio: "pipe", env: { ...process.env, ...there } } as const;
    const path = { PATH: `${folder}:${process.env["PATH"]}` };
    assert.throws(
      () => execFileSync("bash", ["-c", ". bin/lib.sh; engine_answers"], { ...given, env: { ...given.env, ...path } }),
      /error: the docker client here is too old for the engine at ssh:\/\/there: upgrade it/,
    );
  });
  it("otherwise this machine's", () => {
    assert.equal(used(OURS), "");
    assert.equal(used(""), "");
  });
});
