/** What bin/test says in the end: counts, a table, and what was not run. */
import type { Counts } from "./counts.ts";
import { needsEngine, type Suite } from "./suites.ts";

/** What became of a suite. */
export interface Result {
  /** With the chapters that ran, if not all did. */
  readonly name: string;
  /** undefined: it did not run. */
  readonly seconds: number | undefined;
  readonly passed: number;
  readonly failed: number;
  /** Titles of the tests that are left to `bin/test all`. */
  readonly left: readonly string[];
  /** What failed: titles and errors, as far as the suite says them. */
  readonly failures: readonly string[];
  /** What there is to say besides: why it did not run, or what is wrong with it. */
  readonly note: string;
}

/** How the process of a suite ended. */
export interface Ending {
  readonly status: number | null;
  readonly signal: string | null;
  /** undefined: it counted nothing. */
  readonly counts: Counts | undefined;
}

/** The gate must not creep up: above this it fails. */
export const GATE_MINUTES = 40;

const plural = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? "" : "s"}`;

/** The result of a suite: one that is killed, or runs no test, has failed, whatever else it says. */
export function judge(name: string, seconds: number, { status, signal, counts }: Ending): Result {
  const { passed = 0, failed = 0, pending = 0, left = [], failures = [] } = counts ?? {};
  const problem = signal
    ? `was killed by ${signal}`
    : passed + failed === 0
      ? "ran no test"
      : status !== 0 && failed === 0
        ? `ended with status ${status}`
        : "";
  const note = [problem, pending ? `skipped ${plural(pending, "test")}` : ""].filter(Boolean).join(", ");
  return { name, seconds, passed, failed: Math.max(failed, problem ? 1 : 0), left, failures, note };
}

/** The counts of a command: those that unittest and pytest printed; else the command is one check. */
export function commandCounts(output: string, status: number | null): Counts {
  const sum = (text: string, pattern: RegExp) =>
    [...text.matchAll(pattern)].reduce((total, [, ofUnittest, ofPytest]) => total + Number(ofUnittest ?? ofPytest), 0);
  const SUMMARIES = /^(?:OK|FAILED) \(.+\)$|^=*\s?\d+ (?:passed|failed|errors?|skipped)\b.* in [\d.]+s/gm;
  const summaries = [...output.matchAll(SUMMARIES)].map(([line]) => line).join("\n");
  const failed = sum(summaries, /(?:failures|errors)=(\d+)|(\d+) (?:failed|errors?)\b/g);
  const pending = sum(summaries, /skipped=(\d+)|(\d+) skipped\b/g);
  const ofUnittest = sum(output, /^Ran (\d+) tests? in /gm) - sum(summaries, /(?:failures|errors|skipped)=(\d+)/g);
  const passed = ofUnittest + sum(summaries, /(\d+) passed\b/g);
  if (passed + failed + pending > 0) return { passed, failed, pending, left: [], failures: [] };
  return { passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1, pending: 0, left: [], failures: [] };
}

/** A failure, if the gate took too long. */
export function tooLong(seconds: number, results: readonly Result[]): Result | undefined {
  if (seconds <= GATE_MINUTES * 60) return undefined;
  const longest = results
    .toSorted((a, b) => (b.seconds ?? 0) - (a.seconds ?? 0))
    .slice(0, 3)
    .map((result) => `${result.name} ${Math.round(result.seconds ?? 0)} s`);
  const note = `the gate took ${Math.ceil(seconds / 60)} minutes, ${GATE_MINUTES} are allowed. Longest: ${longest.join(", ")}`;
  return { name: "length of the gate", seconds, passed: 0, failed: 1, left: [], failures: [], note };
}

/** Services that are off, but those that all of these suites run, with the suites that run one. */
export function notRun(off: readonly string[], suites: readonly Suite[]): string {
  const onEngine = suites.filter(needsEngine);
  const described = off.flatMap((service) => {
    const by = onEngine.filter((suite) => "runs" in suite && suite.runs?.includes(service)).map(({ name }) => name);
    if (by.length === onEngine.length) return [];
    return by.length ? [`${service} (but by ${by.join(", ")})`] : [service];
  });
  return described.join(" ");
}

/** A row for each suite. */
export function table(results: readonly Result[]): string {
  const rows = results.map(({ name, seconds, passed, failed, left, note }) =>
    seconds === undefined
      ? [name, "-", "-", "-", "-", note]
      : [name, seconds.toFixed(1), `${passed}`, `${failed}`, `${left.length}`, note],
  );
  const all = [["suite", "seconds", "passed", "failed", "left to all", ""], ...rows];
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  return all
    .map((row) =>
      row
        .map((cell, i) => (i === 0 || i === 5 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** What was left to `bin/test all`, by name, and how it is run. @param suites Names of suites that run nowhere else. */
export function leftOut(results: readonly Result[], suites: readonly string[]): string {
  const tests = results.flatMap(({ left }) => left);
  if (tests.length + suites.length === 0) return "";
  const counts = [tests.length && plural(tests.length, "test"), suites.length && plural(suites.length, "suite")];
  return [
    `left to \`bin/test all\`: ${counts.filter(Boolean).join(" and ")}`,
    ...results.flatMap(({ name, left }) => left.map((title) => `  ${name}: ${title}`)),
    ...(suites.length ? [`  suites: ${suites.join(", ")}`] : []),
    `one suite at length: BERTH_TEST_ALL=1 bin/test <suite>`,
  ].join("\n");
}

/** How much of an error the end of a run repeats: characters. */
const MOST_OF_AN_ERROR = 1500;

/** What failed, said again where a reader of a long log looks first: at its end. */
export const failuresOf = (results: readonly Result[]): string =>
  results
    .flatMap(({ name, failures }) => failures.map((text) => `failed: ${name}: ${text.slice(0, MOST_OF_AN_ERROR)}`))
    .join("\n");

/** Of all suites together. */
export const totals = (results: readonly Result[]): { passed: number; failed: number } => ({
  passed: results.reduce((sum, { passed }) => sum + passed, 0),
  failed: results.reduce((sum, { failed }) => sum + failed, 0),
});
