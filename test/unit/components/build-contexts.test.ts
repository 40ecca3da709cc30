import assert from "node:assert/strict";
import { execSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { contextProblems } from "../../../components/build-contexts.ts";
import { makePlan } from "../../../plan/plan.ts";
import { plainText } from "../../../systems/parts/content.ts";
import { catalogue, context, service } from "../support.ts";

describe("files as editors of other systems leave them", () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-context-"));
  after(() => rmSync(folder, { recursive: true }));
  const problems = (existing?: string) => {
    const plan = makePlan(catalogue([service("a", { image: { build: "a" } })]), context());
    return contextProblems({
      ...plan,
      images: { a: { ...plan.images["a"]!, context: folder, ...(existing ? { existing } : {}) } },
    });
  };
  const start = join(folder, "bin/start");

  it("are refused where no container could start them, with a command that mends them", () => {
    mkdirSync(join(folder, "bin"));
    writeFileSync(join(folder, "main.py"), "print(1)\r\n");
    for (const text of ["#!/bin/sh\r\necho well\r\n", "\uFEFF#!/bin/sh\necho well\n"]) {
      writeFileSync(start, text);
      const [problem, ...more] = problems();
      assert.deepEqual([problem!.key, more], ["image a of stack dev", []]);
      assert.ok(problem!.got.startsWith(`${start}: `), problem!.got);
      assert.deepEqual(problems(`sha256:${"0".repeat(64)}`), [], "nothing is built");
      execSync(problem!.fix.split("   ")[0]!);
      assert.deepEqual(problems(), []);
      assert.equal(execSync(`sh ${start}`, { encoding: "utf8" }), "well\n");
    }
  });
  it("arrive in containers as Linux writes them", () =>
    assert.equal(plainText("\uFEFFset -eu\r\necho 'a\rb'\r\n"), "set -eu\necho 'a\rb'\n"));
});
