/** Every script of bin/ says what it takes, and refuses what it does not know before it touches anything. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  accessSync,
  constants,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const BIN = join(import.meta.dirname, "../../../bin");
const executable = (name: string): boolean => {
  try {
    accessSync(join(BIN, name), constants.X_OK);
    return true;
  } catch {
    return false;
  }
};
const scripts = readdirSync(BIN, { withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map(({ name }) => name)
  .filter(executable);
/** Scripts that work on one stack, and say so in their head. */
const ofOneStack = scripts.filter((name) => /bin\/\w+ \[stack\]/.test(readFileSync(join(BIN, name), "utf8")));
const run = (name: string, ...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(join(BIN, name), args, { encoding: "utf8", timeout: 60_000 });
  return { status, stdout, stderr };
};

describe("the scripts of bin/", function () {
  this.timeout(60_000);
  it("run where nobody says who runs them, and where home is", () => {
    const client = mkdtempSync(join(tmpdir(), "berth-client-"));
    const refusing = '#!/bin/sh\ncase "$1" in version) echo "permission denied"; exit 1;; esac\n';
    writeFileSync(join(client, "docker"), refusing, { mode: 0o755 });
    const PATH = [client, dirname(process.execPath), "/usr/bin", "/bin"].join(":");
    const { stderr } = spawnSync(join(BIN, "backups"), ["dev"], { encoding: "utf8", env: { PATH } });
    rmSync(client, { recursive: true });
    assert.match(stderr, /refuses this user: add yourself to its group \(sudo usermod -aG docker \w+,/);
  });
  it("take a Node of npm's where the machine's is too old, with anybody's Pulumi", () => {
    const folder = mkdtempSync(join(tmpdir(), "berth-node-"));
    const says = (path: string, version: string) => {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), `#!/bin/sh\necho ${version}\n`, { mode: 0o755 });
    };
    const kept = /^VERSION=(.*)$/m.exec(readFileSync(join(BIN, "../bench/node.sh"), "utf8"))![1]!;
    const first = (machines: string): string => {
      says("machine/node", machines);
      const env = { PATH: `${folder}/machine:/usr/bin:/bin`, BERTH_BENCH_HOME: folder };
      return /PATH=([^: ]*)/.exec(spawnSync(join(BIN, "env"), { encoding: "utf8", env }).stdout)![1]!;
    };
    says("machine/pulumi", "v3.259.0");
    says(`node-${kept}/bin/node`, `v${kept}`);
    assert.equal(first("v20.19.0"), `${folder}/node-${kept}/bin`);
    assert.equal(first("v22.18.0"), `${folder}/machine`);
    rmSync(folder, { recursive: true });
  });
  for (const name of ["up", "down", "rollback", "drift"])
    it(`${name} asks for a passphrase before it sets anything up`, () => {
      const env = { ...process.env };
      delete env["PULUMI_CONFIG_PASSPHRASE"];
      const asked = (more: object) =>
        spawnSync(join(BIN, name), ["prod"], { encoding: "utf8", env: { ...env, ...more } });
      assert.match(asked({}).stderr, /^error: stack prod has its own passphrase: set PULUMI_CONFIG_PASSPHRASE or/);
      const { stderr } = asked({ PULUMI_CONFIG_PASSPHRASE_FILE: "/nowhere/at/all" });
      assert.match(stderr, /^error: PULUMI_CONFIG_PASSPHRASE_FILE is \/nowhere\/at\/all, which is no file/);
    });
  it("bring back one release at a time", () => {
    const { status, stderr } = run("rollback", "7", "8");
    assert.equal(status, 1);
    assert.match(stderr, /one release at a time, not "7 8"/);
  });
  for (const name of scripts)
    for (const option of ["--help", "-h"])
      it(`${name} ${option} says how it is called, and does nothing else`, () => {
        const { status, stdout } = run(name, option);
        assert.equal(status, 0);
        assert.match(stdout, new RegExp(`bin/(${name}|env)\\b`));
      });
  for (const name of ofOneStack) {
    it(`${name} refuses an option that it does not know`, () => {
      // Which stores there are, and so which options, the system of a stack says.
      const { status, stderr } = run(name, name === "restore" ? "dev" : "nowhere", "--nonsense");
      assert.equal(status, 1);
      assert.match(stderr, /unknown option --nonsense/);
    });
    it(`${name} refuses a second stack`, () => {
      const { status, stderr } = run(name, "nowhere", "prod");
      assert.equal(status, 1);
      assert.match(stderr, /one stack at a time, not "nowhere prod"/);
    });
    it(`${name} knows no stack without a file, whatever its name, before it sets anything up`, () => {
      for (const stack of ["nowhere", "a/b", "../x", "a b"]) {
        const { status, stdout, stderr } = run(name, stack);
        assert.deepEqual([status, stdout], [1, ""]);
        assert.match(stderr, /^error: there is no stack ".*": (.* )?dev .*are here\n$/);
      }
    });
    it(`${name} refuses a name that is empty, which must not mean dev`, () => {
      const { status, stderr } = run(name, "");
      assert.equal(status, 1);
      assert.match(stderr, /the name of a stack is empty/);
    });
  }
});
