/** What every chapter leaves behind. */
import assert from "node:assert/strict";
import { eventually } from "../stack/command.ts";
import type { Stack } from "../stack/stack.ts";

/** Every container is healthy, by now or soon. */
export const healthy = ({ project }: Stack): Promise<void> =>
  eventually(async () => assert.deepEqual(await project.unhealthy(), []), 120);

/** Matches what the edge serves. */
export const routesSay = (stack: Stack, what: RegExp): Promise<void> =>
  eventually(async () => {
    assert.match(await stack.read(await stack.project.container("edge"), "/live/current/upstreams.conf"), what);
  });
/** Every replica is in the routes, by now or soon. */
export const routed = (stack: Stack): Promise<void> => routesSay(stack, /^(?![\s\S]*down;)/);

/** The last test of a chapter. */
export function healthyAtLast(stack: Stack): void {
  it("afterwards everything is healthy", () => healthy(stack));
}
