/** What the tests of a suite need, while they run. */
import { join } from "node:path";
import { command, good, ROOT } from "./command.ts";

/** Milliseconds: where an image of the bench is not there yet, a compiler makes it. */
const BUILD = 3_600_000;

/**
 * Opens it before the tests of the suite that calls, and closes it after them.
 *
 * @param images What the bench builds first: systems, and images by name. @default nothing
 */
export function duringTests(
  what: { open(): Promise<unknown>; close(): Promise<unknown> },
  images: readonly string[] = [],
): void {
  if (images.length)
    before(async function () {
      this.timeout(BUILD);
      await good(command(join(ROOT, "bench/hub/build.sh"), images, { timeout: BUILD }));
    });
  before(() => what.open());
  after(() => what.close());
}
