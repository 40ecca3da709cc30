/** Tests that are too long for the gate: they run in `bin/test all`, and everywhere else they are counted and named. */

/** Whether everything is tested at length. */
export const ALL = Boolean(process.env["BERTH_TEST_ALL"]);

/** Titles of the tests that this run leaves to `bin/test all`. */
export const left: string[] = [];

const leave = (test: Mocha.Test): number => left.push(test.titlePath().join(": "));

/** A test of `bin/test all`. */
export function inAll(title: string, body: Mocha.Func | Mocha.AsyncFunc): Mocha.Test {
  const test = it(title, body);
  if (ALL) return test;
  // It is declared to learn its whole title, and taken out again: mocha would call it pending, which is forbidden.
  test.parent!.tests.pop();
  leave(test);
  return test;
}

/** A group of tests of `bin/test all`. */
export function describeInAll(title: string, body: (this: Mocha.Suite) => void): void {
  const suite = describe(title, body);
  if (ALL) return;
  suite.parent!.suites.pop();
  suite.eachTest(leave);
}
