/** Promise 7, at the end of everything that happened to a stack: nothing is left over, and nothing is left to do. */
import assert from "node:assert/strict";
import { eventually, unchanged } from "../stack/command.ts";
import type { Stack } from "../stack/stack.ts";

/** The last chapter of a suite. */
export function settled({ stack }: { readonly stack: Stack }): void {
  const { project } = stack;
  // Tests of a group run before the groups in it: this one has to be a group of its own to be the last.
  describe("at the end", () => {
    it("promise 7, promise 10: everything is healthy, the engine holds what is declared, and there is nothing to change", async () => {
      await eventually(async () => assert.deepEqual(await project.unhealthy(), []), 120);
      await project.assertDeclared();
      const ids = await project.containers();
      await unchanged(project.up());
      await unchanged(project.refresh());
      await unchanged(project.up());
      assert.deepEqual(await project.containers(), ids);
    });
  });
}
