/**
 * Runs the suites that its words ask for, and ends with `N passed, N failed`: node test/run.ts [word ...]
 * bin/test prepares what they need and calls it. With --needs-engine before the words it runs nothing, and says
 * "engine" if one of the suites needs one.
 */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, constants, tmpdir } from "node:os";
import { join } from "node:path";
import { type Chosen, everything, gate, help, named, Refusal, type Request, requestOf } from "./arguments.ts";
import type { Counts } from "./counts.ts";
import { commandCounts, failuresOf, judge, leftOut, notRun, type Result, table, tooLong, totals } from "./report.ts";
import { explain, select, type Selection } from "./select.ts";
import { judgedHash, lastPass, recordPass, stampFile } from "./stamp.ts";
import { type MochaSuite, needsEngine, suitesOf } from "./suites.ts";

const ROOT = join(import.meta.dirname, "..");
const MOCHA = ["node_modules/mocha/bin/mocha.js", "--reporter", "test/counts.ts"];
const say = (text: string): void => console.log(text);
const clock = (): string => new Date().toTimeString().slice(0, 8);
const secondsSince = (start: number): number => (performance.now() - start) / 1000;

const children = new Set<ChildProcess>();
let interrupted: NodeJS.Signals | undefined;

/** Asked to end, it asks the suites that run to end, waits for them, and starts no other. */
function heedSignals(): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => {
      interrupted = signal;
      for (const child of children) child.kill(signal);
    });
}

/** Files that differ from a revision: committed since, not committed yet, and new. */
function changedSince(revision: string): string[] {
  const git = (...args: string[]): string[] => {
    try {
      return execFileSync("git", args, { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })
        .split("\0")
        .filter(Boolean);
    } catch (error) {
      throw new Refusal((error as { stderr: string }).stderr.trim());
    }
  };
  return [
    // A file that was moved counts at both places.
    ...git("diff", "--name-only", "--no-renames", "-z", revision, "--"),
    ...git("ls-files", "--others", "--exclude-standard", "-z"),
  ].sort();
}

interface Work {
  readonly chosen: readonly Chosen[];
  readonly selections: readonly Selection[];
}

function workOf(request: Request): Work {
  switch (request.mode) {
    case "help":
      return { chosen: [], selections: [] };
    case "gate":
      return { chosen: gate(), selections: [] };
    case "all":
      return { chosen: everything(), selections: [] };
    case "named":
      return { chosen: named(request.words), selections: [] };
    case "since": {
      const selections = select(changedSince(request.revision));
      return { chosen: named(selections.flatMap(({ suites }) => suites)), selections };
    }
  }
}

interface Ended {
  readonly status: number | null;
  readonly signal: string | null;
  readonly output: string;
}

/** @param show Whether what it prints is shown as it comes, besides being collected. */
function finish(child: ChildProcess, show: boolean): Promise<Ended> {
  children.add(child);
  const output: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (data: Buffer) => {
      output.push(data);
      if (show) process.stdout.write(data);
    });
  return new Promise((resolve) => {
    const end = (status: number | null, signal: string | null) => {
      children.delete(child);
      resolve({ status, signal, output: Buffer.concat(output).toString() });
    };
    child.on("error", (error) => {
      output.push(Buffer.from(`${error.message}\n`));
      if (show) say(error.message);
      end(127, null);
    });
    child.on("close", end);
  });
}

async function runMocha(suite: MochaSuite, chapters: readonly string[], atLength: boolean, show: boolean) {
  const folder = mkdtempSync(join(tmpdir(), "berth-test-"));
  const file = join(folder, "counts.json");
  const env: NodeJS.ProcessEnv = { ...suite.env, ...process.env, BERTH_TEST_COUNTS: file };
  if (atLength) env["BERTH_TEST_ALL"] = "1";
  delete env["BERTH_TEST_CHAPTERS"];
  if (chapters.length) env["BERTH_TEST_CHAPTERS"] = chapters.join(",");
  const args = ["--disable-warning=ExperimentalWarning", ...MOCHA, ...suite.files];
  // Where its output is shown, it keeps the terminal, and its colours.
  const stdio = show ? "inherit" : "pipe";
  const mocha = spawn(process.execPath, args, { cwd: ROOT, env, stdio: ["ignore", stdio, stdio] });
  const ended = await finish(mocha, false);
  let counts: Counts | undefined;
  try {
    counts = JSON.parse(readFileSync(file, "utf8")) as Counts;
  } catch {
    // It ended before it had counted: judge says what that means.
  }
  rmSync(folder, { recursive: true });
  return { ...ended, counts };
}

async function runCommand(command: readonly string[], show: boolean) {
  const [program, ...args] = command;
  const file = program === "node" ? process.execPath : program!;
  const ended = await finish(spawn(file, args, { cwd: ROOT, stdio: ["ignore", "pipe", "pipe"] }), show);
  return { ...ended, counts: commandCounts(ended.output, ended.status) };
}

interface Options {
  readonly atLength: boolean;
  /** Its output is shown when it ends, if it failed: others run at its side. */
  readonly quiet: boolean;
}

async function run({ suite, chapters }: Chosen, { atLength, quiet }: Options): Promise<Result> {
  const name = chapters.length ? `${suite.name} (${chapters.join(", ")})` : suite.name;
  say(`== ${name} starts at ${clock()}`);
  const start = performance.now();
  const ended =
    "command" in suite ? await runCommand(suite.command, !quiet) : await runMocha(suite, chapters, atLength, !quiet);
  const result = judge(name, secondsSince(start), ended);
  const note = result.note && `: ${result.note}`;
  say(`== ${name} ${result.failed ? "failed" : "passed"} after ${result.seconds!.toFixed(1)} s${note}`);
  if (quiet && result.failed && ended.output) say(ended.output.trimEnd());
  return result;
}

/** Two or three at a time, as there are cores. The results are in the order of the suites. */
async function sideBySide(chosen: readonly Chosen[], atLength: boolean): Promise<readonly Result[]> {
  const width = Math.min(3, Math.max(2, availableParallelism()));
  const results: Result[] = [];
  const waiting = [...chosen.entries()];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next && !interrupted; next = waiting.shift())
      results[next[0]] = await run(next[1], { atLength, quiet: chosen.length > 1 });
  };
  await Promise.all(Array.from({ length: width }, worker));
  return results.filter(Boolean);
}

/** @param asked Whether somebody wants the conformance tests to run, whatever was proven before. */
async function runConformance(chosen: Chosen, atLength: boolean, asked: boolean): Promise<Result> {
  const stamp = stampFile(judgedHash(ROOT));
  const passed = lastPass(stamp);
  if (passed && !asked) {
    const note = `passed here on ${passed}, nothing that it judges has changed: bin/test conformance runs it`;
    return { name: chosen.suite.name, seconds: undefined, passed: 0, failed: 0, left: [], failures: [], note };
  }
  const result = await run(chosen, { atLength, quiet: false });
  if (!result.failed) recordPass(stamp);
  return result;
}

async function runAll(request: Request, { chosen, selections }: Work): Promise<readonly Result[]> {
  if (request.mode === "since") {
    say(selections.length ? `changed since ${request.revision}:` : `nothing has changed since ${request.revision}`);
    if (selections.length) say(explain(selections));
  }
  const atLength = request.mode === "all";
  const results = [
    ...(await sideBySide(
      chosen.filter(({ suite }) => suite.group === "quick"),
      atLength,
    )),
  ];
  for (const next of chosen.filter(({ suite }) => suite.group !== "quick")) {
    if (interrupted) break;
    const asked = request.mode === "all" || request.mode === "named";
    results.push(
      next.suite.group === "conformance"
        ? await runConformance(next, atLength, asked)
        : await run(next, { atLength, quiet: false }),
    );
  }
  return results;
}

async function main(words: readonly string[]): Promise<number> {
  const request = requestOf(words);
  if (request.mode === "help") {
    say(help());
    return 0;
  }
  heedSignals();
  const start = performance.now();
  const work = workOf(request);
  const ran = await runAll(request, work);
  // Conformance is no part of it: it runs only where what it judges has changed.
  const conformance = ran.find(({ name }) => name === "conformance")?.seconds ?? 0;
  const late = request.mode === "gate" ? tooLong(secondsSince(start) - conformance, ran) : undefined;
  const results = late ? [...ran, late] : ran;

  const soak = request.mode === "gate" || request.mode === "since" ? suitesOf("soak").map(({ name }) => name) : [];
  const left = leftOut(
    results,
    soak.filter((name) => !results.some((result) => result.name === name)),
  );
  if (left) say(left);
  say(`\n${table(results)}`);
  const off = notRun(
    (process.env["BERTH_OFF"] ?? "").split(/\s+/).filter(Boolean),
    work.chosen.map(({ suite }) => suite),
  );
  if (off) say(`not run here, because their images cannot be had: ${off}`);
  const instead = process.env["BERTH_INSTEAD"];
  if (instead) say(`run here with other images than the systems' own, because those cannot be had: ${instead}`);
  if (interrupted) say(`stopped by ${interrupted}: what is not in the table did not run`);
  const failures = failuresOf(results);
  if (failures) say(failures);
  const { passed, failed } = totals(results);
  say(`${passed} passed, ${failed} failed`);
  if (interrupted) return 128 + constants.signals[interrupted];
  return failed ? 1 : 0;
}

/** Says whether one of the suites needs an engine. */
function sayNeeds(words: readonly string[]): number {
  if (workOf(requestOf(words)).chosen.some(({ suite }) => needsEngine(suite))) say("engine");
  return 0;
}

try {
  const [first, ...words] = process.argv.slice(2);
  process.exitCode = first === "--needs-engine" ? sayNeeds(words) : await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
}
