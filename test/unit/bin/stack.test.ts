import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { wordsOf } from "../../../bin/stack.ts";
import { Refusal } from "../../../config/problems.ts";

const thrown = (run: () => unknown): unknown => {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
};
const machine = (code: string, more: object = {}): Error => Object.assign(new Error(code), { code, ...more });

describe("bin/stack.ts, what a person can mend", () => {
  it("is a full disk, wherever it is met", () => {
    const full = thrown(() => writeFileSync("/dev/full", "x"));
    assert.match(
      wordsOf(full)!,
      /^error: a file cannot be written or read: its disk is full\. Make room there \(df -h\)/,
    );
    const copied = machine("ENOSPC", { path: "index.ts", dest: ".state/releases/dev/next/source/index.ts" });
    assert.match(wordsOf(copied)!, /^error: \.state\/releases\/\S+ cannot be written or read: its disk is full/);
  });
  it("is a checkout that cannot be written, with whose it should be", () => {
    for (const code of ["EACCES", "EPERM", "EROFS"])
      assert.match(
        wordsOf(machine(code, { path: ".state" }))!,
        /^error: \.state cannot be written or read: .*(chown|checkout)/,
      );
  });
  it("is a program that is not there", () => {
    const { error } = spawnSync("no-such-program-anywhere");
    assert.equal(wordsOf(error), "error: no-such-program-anywhere is not installed, or not on PATH");
  });
  it("is what the CLI says, as an error once", () =>
    assert.equal(wordsOf(new Refusal("error: no room")), "error: no room"));
  it("is no mistake of the program itself, whose trace is of use", () => {
    assert.equal(wordsOf(new TypeError("x is undefined")), undefined);
    assert.equal(wordsOf(thrown(() => mkdirSync("/proc/self/nowhere/a"))), undefined);
  });
});
