/**
 * What scripts need before they begin. Which passphrase they take: what is public goes by the environment, not by the
 * name of the stack.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../../..");

describe("bin/lib.sh", () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-passphrase-"));
  after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, "bin"));
  cpSync(join(ROOT, "bin/lib.sh"), join(folder, "bin/lib.sh"));
  const script = `. bin/lib.sh; passphrase "$1" < /dev/null; printf %s "\${PULUMI_CONFIG_PASSPHRASE:-}"`;
  const passphrase = (stack: string, config: string, env: object = {}): string => {
    writeFileSync(join(folder, `Pulumi.${stack}.yaml`), `config:\n${config}\n`);
    return execFileSync("bash", ["-c", script, "-", stack], {
      cwd: folder,
      encoding: "utf8",
      stdio: "pipe",
      env: { PATH: process.env["PATH"], HOME: folder, ...env },
    });
  };

  for (const line of [
    "  berth:environment: dev",
    `    "berth:environment": "dev"`,
    "  berth:environment: dev   # of us all",
  ])
    it(`takes the public passphrase of any stack with the line ${line.trim()}`, () =>
      assert.equal(passphrase("samplemind-dev", line), "berth-dev"));
  it("takes none of its own, and is told", () => {
    for (const stack of ["dev", "stage"])
      assert.throws(() => passphrase(stack, "  berth:environment: stage"), /has its own passphrase/);
    assert.throws(() => passphrase("dev", "  berth:system: dev"), /has its own passphrase/);
  });
  it("asks for none where the secrets are encrypted by a key in a cloud", () => {
    assert.equal(passphrase("prod", "  berth:environment: prod\nsecretsprovider: awskms://alias/berth?region=eu"), "");
  });
  it("begins nothing where the folder of states cannot be written", () => {
    writeFileSync(join(folder, ".state"), "");
    const given = { cwd: folder, encoding: "utf8", stdio: "pipe", env: { PATH: process.env["PATH"] } } as const;
    const words =
      /error: \S+\/\.state cannot be written or read: whose is it \(ls -ld\), and is there room \(df -h\)\?/;
    assert.throws(() => execFileSync("bash", ["-c", ". bin/lib.sh; lock dev"], given), words);
    rmSync(join(folder, ".state"));
  });
  it("leaves one that is set", () => {
    const env = { PULUMI_CONFIG_PASSPHRASE: "mine" };
    assert.equal(passphrase("dev", "  berth:environment: dev", env), "mine");
  });
  it("installs all packages, whatever NODE_ENV leaves out, and once where two stacks begin together", () => {
    const npm = 'echo "$@" >> log; mkdir -p node_modules; sleep 0.2';
    writeFileSync(join(folder, "npm"), `#!/bin/sh\n${npm}\n`, { mode: 0o755 });
    writeFileSync(join(folder, "package-lock.json"), "{}");
    execFileSync("bash", ["-c", ". bin/lib.sh; packages & packages; wait; packages"], {
      cwd: folder,
      stdio: "pipe",
      env: { PATH: `${folder}:${process.env["PATH"]}`, HOME: folder, NODE_ENV: "production" },
    });
    assert.match(readFileSync(join(folder, "log"), "utf8"), /^ci --prefix \. --include=dev .*\n$/);
  });
  it("keeps the proxy of the environment away from what the program asks the CLI", () => {
    const asked = `
      const sdk = require("module").createRequire(require.resolve("@pulumi/pulumi", { paths: ["${ROOT}"] }));
      const { Server, ServerCredentials, Client, credentials } = sdk("@grpc/grpc-js");
      new Server().bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (_, port) =>
        new Client("127.0.0.1:" + port, credentials.createInsecure()).waitForReady(Date.now() + 1500, (error) =>
          process.exit(error ? 1 : 0)));`;
    const answered = (more: object): boolean => {
      const env = { PATH: process.env["PATH"], HOME: folder, http_proxy: "http://127.0.0.1:9", ...more };
      const args = ["-c", '. bin/lib.sh; use_tools official; exec node -e "$1"', "-", asked];
      return spawnSync("bash", args, { cwd: folder, env }).status === 0;
    };
    assert.ok(answered({}));
    // Without the exception nobody is reached (negative control).
    assert.ok(!answered({ no_grpc_proxy: "example.org" }));
  });
});
