/**
 * Which tests of the promises run. Those that are too long for the gate run in `bin/test all`, and everywhere else they
 * are counted and named. A suite of one system alone leaves out what no system differs in: the gate proves it.
 */

/** Whether a suite asks only for what depends on its system. */
export const OWN = Boolean(process.env["BERTH_TEST_OWN"]);

const AT_LENGTH = Boolean(process.env["BERTH_TEST_ALL"]);
/** Whether everything is tested at length. */
export const ALL = !OWN && AT_LENGTH;

/** Titles of the tests that this run leaves to `bin/test all`. */
export const left: string[] = [];

const leave = (test: Mocha.Test): void => {
  left.push(test.titlePath().join(": "));
};

/** A test of `bin/test all`. @param own Whether it is about what depends on the system. @default false */
export function inAll(title: string, body: Mocha.Func | Mocha.AsyncFunc, own = false): Mocha.Test {
  const test = it(title, body);
  if (own ? AT_LENGTH : ALL) return test;
  // It is declared to learn its whole title, and taken out again: mocha would call it pending, which is forbidden.
  test.parent!.tests.pop();
  if (own || !OWN) leave(test);
  return test;
}

/** A test of what is the same in every system. */
export function inGate(title: string, body: Mocha.Func | Mocha.AsyncFunc): void {
  if (!OWN) it(title, body);
}

/** A group of tests of `bin/test all`. */
export function describeInAll(title: string, body: (this: Mocha.Suite) => void): void {
  const suite = describe(title, body);
  if (ALL) return;
  suite.parent!.suites.pop();
  if (!OWN) suite.eachTest(leave);
}
