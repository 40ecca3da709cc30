/** mocha's own report, and for bin/test the counts of it in a file: what mocha says only in words. */
import { writeFileSync } from "node:fs";
import { inspect } from "node:util";
import Mocha from "mocha";
import { left } from "./length.ts";

/** What a suite did. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  /** Tests that were skipped where they stand. */
  readonly pending: number;
  /** Titles of the tests that are left to `bin/test all`. */
  readonly left: readonly string[];
  /** What failed: its title, and its error. */
  readonly failures: readonly string[];
}

class CountingReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const file = process.env["BERTH_TEST_COUNTS"];
    const failures: string[] = [];
    // A long run says at once what failed, not only at its end.
    runner.on(Mocha.Runner.constants.EVENT_TEST_FAIL, (test, error: Error) => {
      console.log(error.stack ?? String(error));
      const { message, cause } = error;
      failures.push(`${test.titlePath().join(": ")}: ${message}${cause === undefined ? "" : ` (${inspect(cause)})`}`);
    });
    // A hook that fails counts as one failure, like a test.
    runner.once(Mocha.Runner.constants.EVENT_RUN_END, () => {
      const { passes: passed, failures: failed, pending } = this.stats;
      if (file) writeFileSync(file, JSON.stringify({ passed, failed, pending, left, failures } satisfies Counts));
    });
  }
}

// mocha requires its reporters.
export { CountingReporter as "module.exports" };
