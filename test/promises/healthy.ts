/** What every chapter leaves behind. */
import assert from "node:assert/strict";
import { eventually } from "../stack/command.ts";
import type { Stack } from "../stack/stack.ts";

/** Every container is healthy, by now or soon. */
export const healthy = ({ project }: Stack): Promise<void> =>
  eventually(async () => assert.deepEqual(await project.unhealthy(), []), 120);

/** The last test of a chapter. */
export function healthyAtLast(stack: Stack): void {
  it("afterwards everything is healthy", () => healthy(stack));
}
