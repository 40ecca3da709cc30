/** mocha's own report, and for bin/test the counts of it in a file: what mocha says only in words. */
import { writeFileSync } from "node:fs";
import Mocha from "mocha";

class Counts extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const file = process.env["BERTH_TEST_COUNTS"];
    // A hook that fails counts as one failure, like a test.
    runner.once(Mocha.Runner.constants.EVENT_RUN_END, () => {
      if (file) writeFileSync(file, `${this.stats.passes} ${this.stats.failures}`);
    });
  }
}

// mocha requires its reporters.
export { Counts as "module.exports" };
