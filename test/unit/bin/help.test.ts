/** Every script of bin/ says what it takes, and refuses what it does not know before it touches anything. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { accessSync, constants, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

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
  for (const name of scripts)
    for (const option of ["--help", "-h"])
      it(`${name} ${option} says how it is called, and does nothing else`, () => {
        const { status, stdout } = run(name, option);
        assert.equal(status, 0);
        assert.match(stdout, new RegExp(`bin/(${name}|env)\\b`));
      });
  for (const name of ofOneStack) {
    it(`${name} refuses an option that it does not know`, () => {
      const { status, stderr } = run(name, "nowhere", "--nonsense");
      assert.equal(status, 1);
      assert.match(stderr, /unknown option --nonsense/);
    });
    it(`${name} refuses a second stack`, () => {
      const { status, stderr } = run(name, "nowhere", "prod");
      assert.equal(status, 1);
      assert.match(stderr, /one stack at a time, not "nowhere prod"/);
    });
  }
});
