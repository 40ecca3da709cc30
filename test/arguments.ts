/** What bin/test was asked for: from its words to the suites that run. */
import { chaptersOf, GROUPS, type Suite, SUITES, suitesOf, WORDS } from "./suites.ts";

/** - gate: no argument - named: suites, groups or chapters - since: what changed files can break */
export type Request =
  | { readonly mode: "gate" | "all" | "help" }
  | { readonly mode: "named"; readonly words: readonly string[] }
  | { readonly mode: "since"; readonly revision: string };

/** A suite that runs. */
export interface Chosen {
  readonly suite: Suite;
  /** Names of the chapters that run; none: all of the suite. */
  readonly chapters: readonly string[];
}

/** A message for a person, without a stack. */
export class Refusal extends Error {}

/** What the words mean. @throws Refusal where a word is unknown. */
export function requestOf(words: readonly string[]): Request {
  if (words.length === 0) return { mode: "gate" };
  if (words.includes("--help") || words.includes("-h")) return { mode: "help" };
  if (words.includes("--since")) {
    const [option, revision, ...more] = words;
    if (option === "--since" && revision && more.length === 0) return { mode: "since", revision };
    throw new Refusal("--since takes a revision and stands alone: bin/test --since main");
  }
  if (words.includes("all")) {
    if (words.length === 1) return { mode: "all" };
    throw new Refusal("all stands alone; one suite at length: BERTH_TEST_ALL=1 bin/test serving");
  }
  const unknown = words.filter((word) => !WORDS.includes(word));
  if (unknown.length)
    throw new Refusal(
      `bin/test knows no ${unknown.map((word) => `"${word}"`).join(", ")}. It knows: ${WORDS.join(", ")}. ` +
        "What they are: bin/test --help",
    );
  return { mode: "named", words };
}

const whole = (suite: Suite): Chosen => ({ suite, chapters: [] });

/** The suites of the gate. */
export const gate = (): readonly Chosen[] => suitesOf("quick", "proof", "conformance", "e2e").map(whole);
/** Every suite. */
export const everything = (): readonly Chosen[] => SUITES.map(whole);

/**
 * The suites that are named by a suite, a group or a chapter, in the order of the
 * table. A whole suite wins over its chapters.
 */
export function named(words: readonly string[]): readonly Chosen[] {
  return SUITES.flatMap((suite) => {
    if (words.includes(suite.name) || words.includes(suite.group)) return [whole(suite)];
    const chapters = chaptersOf(suite).flatMap(({ name }) => (words.includes(name) ? [name] : []));
    return chapters.length ? [{ suite, chapters }] : [];
  });
}

/** What bin/test --help prints. */
export function help(): string {
  const line = (indent: number, name: string, text: string) =>
    `${" ".repeat(indent)}${name.padEnd(20 - indent)}${text}`;
  return [
    "bin/test                  the gate: quick, billing, conformance where needed, serving, operator",
    "bin/test quick            what needs no engine",
    "bin/test all              everything, at length",
    "bin/test <name> ...       groups, suites or chapters of this list",
    "bin/test --since <rev>    what the files changed since a revision can break (test/select.ts)",
    "",
    ...Object.entries(GROUPS).flatMap(([group, text]) => [
      line(0, group, text),
      ...SUITES.filter((suite) => suite.group === group).flatMap((suite) => [
        line(2, suite.name, suite.proves),
        ...chaptersOf(suite).map((chapter) => line(4, chapter.name, chapter.proves)),
      ]),
    ]),
    "",
    "BERTH_TEST_ALL=1 bin/test <name>    at length, as `bin/test all` runs it",
  ].join("\n");
}
