import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { inOrder } from "../../../plan/order.ts";
import { ROOT } from "../support.ts";

/** Two letters that are one in Czech, after h. */
const NAMES = ["flower", "chroma", "celery"];

describe("the order of names", () => {
  it("is that of their characters", () => {
    assert.deepEqual([...NAMES].sort(inOrder), ["celery", "chroma", "flower"]);
    assert.deepEqual(["b", "a", "b"].sort(inOrder), ["a", "b", "b"]);
  });
  it("makes the same plan in every language, so that nobody's update replaces what another's made", () => {
    const planned = (language: string): string =>
      execFileSync(process.execPath, [join(ROOT, "bin/plan.ts"), "samplemind-prod", "--json"], {
        cwd: ROOT,
        encoding: "utf8",
        env: { ...process.env, LC_ALL: language },
      });
    assert.equal(planned("cs_CZ.UTF-8"), planned("C"));
  });
});
