/** What bin/up says in the end. */
import assert from "node:assert/strict";
import { planOf } from "../../../bin/stack.ts";
import { summary } from "../../../bin/summary.ts";

describe("the end of bin/up", () => {
  for (const [stack, path] of [
    ["dev", "/health"],
    ["samplemind-dev", "/"],
    ["kailash-dev", "/v1/documents"],
  ] as const)
    it(`shows an address that the edge of ${stack} answers, and what to do next`, () => {
      const plan = planOf(stack);
      const said = summary(plan);
      assert.match(said, new RegExp(`^ {2}try it +curl ${plan.publicUrl}${path}$`, "m"));
      for (const command of ["preview", "up", "down"]) assert.ok(said.includes(`bin/${command} ${stack} `), said);
    });
});
