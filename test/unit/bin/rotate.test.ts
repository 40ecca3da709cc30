import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { stringify } from "yaml";

const ROOT = join(import.meta.dirname, "../../..");
const GENERATED = ["postgresPassword", "jwtSigningKey", "internalToken", "backupKey", "grafanaAdminPassword"];

/** Answers as the CLI does, and writes down what it is told to change. */
const PULUMI = `#!/usr/bin/env bash
case "$1 $2" in
  "stack select") ;;
  "config get")
    if [ "$PULUMI_CONFIG_PASSPHRASE" != right ]; then echo "error: incorrect passphrase" >&2; exit 255; fi
    echo "the former value";;
  "config set")
    value=''
    [ "$3" != --secret ] || value=" <- $(cat)"
    echo "\${*:2}$value" >> changes;;
  *) echo "error: unknown command $*" >&2; exit 1;;
esac
`;

describe("bin/rotate", () => {
  let folder = "";

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "berth-rotate-"));
    // bin/secrets.ts reads what the systems say, and looks for the stack file beside itself.
    for (const part of ["bin", "config", "plan", "systems", "monitoring", "package.json"])
      cpSync(join(ROOT, part), join(folder, part), { recursive: true });
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
    mkdirSync(join(folder, "path"));
    writeFileSync(join(folder, "path/pulumi"), PULUMI);
    chmodSync(join(folder, "path/pulumi"), 0o755);
    writeFileSync(join(folder, "changes"), "");
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** @param config What the stack file has. */
  function rotate(args: readonly string[], config: object = {}, passphrase = "right") {
    writeFileSync(join(folder, "Pulumi.stage.yaml"), stringify({ config }));
    const { status, stdout, stderr } = spawnSync(join(folder, "bin/rotate"), args, {
      encoding: "utf8",
      env: {
        HOME: folder,
        PATH: [join(folder, "path"), dirname(process.execPath), process.env["PATH"]].join(":"),
        PULUMI_CONFIG_PASSPHRASE: passphrase,
      },
    });
    const changes = readFileSync(join(folder, "changes"), "utf8").split("\n").slice(0, -1);
    return { status, said: stdout + stderr, changes };
  }
  const encrypted = { secure: "v1:" };

  it("raises the version of a secret that the stack file does not hold", () => {
    const { status, said, changes } = rotate(["postgresPassword", "stage"]);
    assert.equal(status, 0, said);
    assert.deepEqual(changes, ["set --path berth:secretVersions.postgresPassword 2 --stack stage"]);
    assert.match(said, /postgresPassword of stack stage has a new value/);
  });
  it("raises it by one, and that of no other", () => {
    const versions = { "berth:secretVersions": { postgresPassword: 4, redisPassword: 7 } };
    const { changes } = rotate(["postgresPassword", "stage"], versions);
    assert.deepEqual(changes, ["set --path berth:secretVersions.postgresPassword 5 --stack stage"]);
  });
  it("needs no passphrase for that", () =>
    assert.equal(rotate(["postgresPassword", "stage"], {}, "wrong").changes.length, 1));

  it("replaces a secret that the stack file holds", () => {
    const { status, said, changes } = rotate(["postgresPassword", "stage"], { "berth:postgresPassword": encrypted });
    assert.equal(status, 0, said);
    assert.equal(changes.length, 1);
    assert.match(changes[0]!, /^set --secret berth:postgresPassword --stack stage <- [0-9a-f]{64}$/);
    assert.doesNotMatch(said, /[0-9a-f]{64}|the former value/);
  });
  for (const [secret, former] of [
    ["jwtSigningKey", "jwtPreviousKey"],
    ["internalToken", "internalPreviousToken"],
    ["backupKey", "backupPreviousKey"],
    ["mfaEncryptionKey", "mfaPreviousKey"],
  ] as const)
    it(`keeps the former ${secret}`, () => {
      const { changes } = rotate([secret, "stage"], { [`berth:${secret}`]: encrypted });
      assert.equal(changes.length, 2);
      assert.equal(changes[0], `set --secret berth:${former} --stack stage <- the former value`);
      assert.match(changes[1]!, new RegExp(`^set --secret berth:${secret} --stack stage <- [0-9a-f]{64}$`));
    });

  it("changes nothing where the value cannot be read, and says what the CLI said", () => {
    const config = { "berth:jwtSigningKey": encrypted };
    const { status, said, changes } = rotate(["jwtSigningKey", "stage"], config, "wrong");
    assert.equal(status, 1);
    assert.deepEqual(changes, []);
    assert.match(said, /error: incorrect passphrase\nerror: jwtSigningKey of stack stage cannot be read: nothing was/);
  });

  for (const args of [["nothing", "stage"], ["llmApiKey", "stage"], ["jwtPreviousKey", "stage"], []])
    it(`refuses ${args[0] ?? "to guess"} and lists what there is`, () => {
      const { status, said, changes } = rotate(args);
      assert.equal(status, 1);
      assert.deepEqual(changes, []);
      assert.match(said, /^error: which secret\? bin\/rotate <secret> \[stack\], with one of: /);
      for (const name of GENERATED) assert.ok(said.includes(` ${name}`), `${name} in ${said}`);
      assert.doesNotMatch(said, /llmApiKey|Previous/);
    });
  it("says how it is used", () => {
    const { status, said } = rotate(["--help"]);
    assert.equal(status, 0);
    assert.match(said, /^bin\/rotate <secret> \[stack\], with one of: postgresPassword /);
  });
  it("refuses a stack that is not there", () => {
    const { status, said } = rotate(["postgresPassword", "nowhere"]);
    assert.equal(status, 1);
    assert.match(said, /there is no stack "nowhere": stage are here/);
  });
});
