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
    for (const part of ["bin", "config", "plan", "systems", "monitoring", "data", "edge", "services", "package.json"])
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
    const file = { "berth:environment": "stage", "berth:backup": {}, ...config };
    writeFileSync(join(folder, "Pulumi.stage.yaml"), stringify({ config: file }));
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

  it("takes one secret of one stack, and no empty name for dev", () => {
    for (const args of [
      ["backupKey", ""],
      ["backupKey", "stage", "prod"],
    ]) {
      const { status, said, changes } = rotate(args);
      assert.deepEqual([status, changes], [1, []]);
      assert.match(said, /^error: one secret of one stack: bin\/rotate/);
    }
  });
  it("asks for a name, and lists those that the stack reads", () => {
    const { status, said, changes } = rotate(["", "stage"]);
    assert.deepEqual([status, changes], [1, []]);
    assert.match(said, /^error: which secret\? bin\/rotate <secret> \[stack\], with one of: /);
    for (const name of GENERATED) assert.ok(said.includes(` ${name}`), `${name} in ${said}`);
    assert.doesNotMatch(said, /llmApiKey|Previous|seedPassword/);
  });
  for (const [what, secret, config, why] of [
    ["is not there", "nothing", {}, "there is no such secret in stack stage"],
    ["is misspelt", "postgresPasword", {}, "there is no such secret in stack stage; did you mean postgresPassword?"],
    [
      "only its owner has",
      "llmApiKey",
      {},
      "only you have its value: pulumi config set --secret berth:llmApiKey --stack stage, then bin/up stage",
    ],
    ["is a former value", "jwtPreviousKey", {}, "it is the former jwtSigningKey, which bin/rotate jwtSigningKey keeps"],
    ["no service reads", "seedPassword", {}, "nothing in stack stage reads it"],
    ["no service reads without backups", "backupKey", { "berth:backup": undefined }, "nothing in stack stage reads it"],
    [
      "no service reads without Grafana",
      "grafanaAdminPassword",
      { "berth:off": ["grafana"] },
      "nothing in stack stage",
    ],
  ] as const)
    it(`refuses a secret that ${what}, says why, and lists the others`, () => {
      const { status, said, changes } = rotate([secret, "stage"], config);
      assert.deepEqual([status, changes], [1, []]);
      assert.ok(said.startsWith(`error: ${secret} cannot be rotated: ${why}`), said);
      const [, offered] = said.split(/with one of: /);
      assert.ok(offered!.includes("postgresPassword") && !offered!.split(/\s/).includes(secret), said);
    });
  it("changes nothing of a stack whose file has a problem", () => {
    const { status, said, changes } = rotate(["postgresPassword", "stage"], { "berth:nothing": 1 });
    assert.deepEqual([status, changes], [1, []]);
    assert.match(said, /berth:nothing: no such key/);
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
