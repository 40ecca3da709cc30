/** What bin/test decides and says, without a run. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Chosen, everything, gate, help, named, Refusal, requestOf } from "../arguments.ts";
import { commandCounts, judge, leftOut, notRun, type Result, table, tooLong, totals } from "../report.ts";
import { BREAKS, explain, ruleOf, select } from "../select.ts";
import { JUDGED, judgedHash, lastPass, recordPass, stampFile } from "../stamp.ts";
import { chaptersOf, SUITES, WORDS } from "../suites.ts";

const ROOT = join(import.meta.dirname, "../..");
const paths = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
  cwd: ROOT,
  encoding: "utf8",
})
  .split("\0")
  .filter(Boolean);
const names = (chosen: readonly Chosen[]) => chosen.map(({ suite, chapters }) => [suite.name, ...chapters].join(" "));

describe("the suites", () => {
  it("have words of their own", () => {
    const words = SUITES.flatMap((suite) => [suite.name, ...chaptersOf(suite).map(({ name }) => name)]);
    assert.equal(new Set(words).size, words.length);
    assert.ok(!words.includes("all") && !words.includes("quick"));
  });
  it("are every test file, once", () => {
    const files = SUITES.flatMap((suite) => ("files" in suite ? suite.files : [])).flatMap((pattern) =>
      globSync(pattern, { cwd: ROOT }),
    );
    const there = globSync("test/**/*.test.ts", { cwd: ROOT });
    assert.deepEqual(files.toSorted(), there.toSorted());
  });
  it("are in the help, with their chapters and what they prove", () => {
    for (const word of WORDS) assert.match(help(), new RegExp(`^ *(bin/test )?${word} `, "m"));
    for (const { proves } of SUITES) assert.ok(help().includes(proves), proves);
  });
});

describe("the arguments of bin/test", () => {
  it("none: the gate, in the order quick, conformance, serving, operator", () => {
    assert.deepEqual(requestOf([]), { mode: "gate" });
    assert.deepEqual(names(gate()).slice(-3), ["conformance", "serving", "operator"]);
    assert.ok(gate().every(({ suite }) => suite.group !== "soak"));
    assert.equal(everything().length, SUITES.length);
  });
  it("names: suites, groups and chapters, in the order of the table, each once", () => {
    assert.deepEqual(names(named(["unit", "types", "unit"])), ["types", "unit"]);
    assert.deepEqual(names(named(["healing", "crash", "rotation"])), ["serving rotation healing", "operator crash"]);
    assert.deepEqual(names(named(["serving", "rotation"])), ["serving"]);
    assert.deepEqual(names(named(["e2e"])), ["serving", "operator"]);
    assert.deepEqual(
      names(named(["quick"])),
      SUITES.filter(({ group }) => group === "quick").map(({ name }) => name),
    );
  });
  it("all, --since and --help", () => {
    assert.deepEqual(requestOf(["all"]), { mode: "all" });
    assert.deepEqual(requestOf(["--since", "HEAD~3"]), { mode: "since", revision: "HEAD~3" });
    assert.deepEqual(requestOf(["unit", "--help"]), { mode: "help" });
  });
  it("what it does not know is refused in one message, with all that it knows", () => {
    assert.throws(
      () => requestOf(["unit", "nosuite", "--nothing"]),
      (error) => {
        assert.ok(error instanceof Refusal);
        assert.match(error.message, /^bin\/test knows no "nosuite", "--nothing"\. It knows: all, quick, /);
        for (const word of WORDS) assert.ok(error.message.includes(word), word);
        return true;
      },
    );
    assert.throws(() => requestOf(["all", "unit"]), /all stands alone/);
    for (const words of [["--since"], ["--since", "main", "unit"], ["unit", "--since", "main"]])
      assert.throws(() => requestOf(words), /--since takes a revision and stands alone/);
  });
});

describe("the table of what changed files can break", () => {
  it("has every file and folder of the checkout, and every folder of test/", () => {
    // A loose file of test/ is the runner itself, and falls under test/.
    const tops = paths.map((file) => /^(test\/[^/]+\/|[^/]+\/?)/.exec(file)![0]);
    const absent = [...new Set(tops)].filter((top) => !(top in BREAKS));
    assert.deepEqual(absent, [], "say in test/select.ts which suites a change there can break");
  });
  it("names only suites that there are, and only what is there", () => {
    const files = SUITES.flatMap((suite) => ("files" in suite ? suite.files : []));
    for (const [rule, suites] of Object.entries(BREAKS)) {
      for (const name of suites) assert.ok(WORDS.includes(name), `${rule}: ${name}`);
      assert.ok(files.includes(rule) || paths.some((path) => path.startsWith(rule)), `${rule} is not there`);
    }
  });
  it("takes the longest entry, and a file by its whole name", () => {
    assert.equal(ruleOf("bin/rotate"), "bin/rotate");
    assert.equal(ruleOf("bin/rotate.ts"), "bin/");
    assert.equal(ruleOf("bench/hub/x/Dockerfile"), "bench/hub/");
    assert.equal(ruleOf("index.tsx"), undefined);
  });
  it("selects quick for everything, and says what selected what", () => {
    const selections = select([
      "docs/policy.md",
      "docs/images.md",
      "services/backup/src/a.py",
      "test/soak/images.test.ts",
    ]);
    assert.deepEqual(
      selections.map(({ suites }) => suites),
      [["quick"], ["quick", "serving"], ["quick", "images"]],
    );
    assert.equal(
      explain(selections),
      "  docs/policy.md and 1 more of docs/: quick\n" +
        "  services/backup/src/a.py: quick, serving\n" +
        "  test/soak/images.test.ts: quick, images",
    );
  });
  it("selects the whole gate for what it does not have", () => {
    const selections = select(["Makefile"]);
    assert.deepEqual(names(named(selections.flatMap(({ suites }) => suites))), names(gate()));
    assert.match(
      explain(selections),
      /Makefile \(not in test\/select\.ts\): quick, billing, conformance, serving, operator/,
    );
  });
});

describe("the result of a suite", () => {
  const counts = (passed: number, failed = 0, left: string[] = []) => ({
    passed,
    failed,
    pending: 0,
    left,
    failures: [],
  });
  const ended = { status: 0, signal: null };

  it("passes with its counts", () => {
    const result = judge("unit", 1.5, { ...ended, counts: counts(3, 0, ["a"]) });
    assert.deepEqual(result, { name: "unit", seconds: 1.5, passed: 3, failed: 0, left: ["a"], failures: [], note: "" });
  });
  for (const [what, ending, note] of [
    ["ran no test", { ...ended, counts: counts(0, 0, ["a"]) }, "ran no test"],
    ["counted nothing", { ...ended, status: 1, counts: undefined }, "ran no test"],
    ["was killed after its tests", { status: null, signal: "SIGKILL", counts: counts(3) }, "was killed by SIGKILL"],
    ["was killed before", { status: null, signal: "SIGTERM", counts: undefined }, "was killed by SIGTERM"],
    ["ended badly, whatever it counted", { ...ended, status: 7, counts: counts(3) }, "ended with status 7"],
  ] as const)
    it(`is a failure where it ${what}`, () => {
      const result = judge("unit", 1, ending);
      assert.deepEqual([result.failed, result.note], [1, note]);
    });
  it("has the failures that it counted, and says what was skipped", () => {
    assert.equal(judge("unit", 1, { ...ended, status: 2, counts: counts(3, 2) }).failed, 2);
    assert.equal(judge("python", 1, { ...ended, counts: { ...counts(3), pending: 2 } }).note, "skipped 2 tests");
  });

  const ofCommand = (output: string, status: number | null = 0) => {
    const { passed, failed, pending } = commandCounts(output, status);
    return [passed, failed, pending];
  };
  it("of a command is one check, if it prints no counts", () => {
    assert.deepEqual(ofCommand("3 problems, 12 passed the door\n"), [1, 0, 0]);
    assert.deepEqual(ofCommand("Found 3 errors in 2 files\n", 1), [0, 1, 0]);
  });
  it("of a command has the counts of unittest and pytest", () => {
    assert.deepEqual(ofCommand("Ran 12 tests in 0.1s\n\nOK\n"), [12, 0, 0]);
    assert.deepEqual(ofCommand("Ran 12 tests in 0.1s\n\nOK (skipped=2)\n"), [10, 0, 2]);
    assert.deepEqual(ofCommand("Ran 12 tests in 0.1s\n\nFAILED (failures=1, errors=2, skipped=3)\n", 1), [6, 3, 3]);
    assert.deepEqual(ofCommand("12 passed in 0.31s\n"), [12, 0, 0]);
    assert.deepEqual(ofCommand("=== 1 failed, 12 passed, 2 skipped, 1 error in 0.31s ===\n", 1), [12, 2, 2]);
    assert.deepEqual(ofCommand("Ran 3 tests in 0.1s\n\nOK\n4 passed in 1.00s\n"), [7, 0, 0]);
  });
});

describe("tests that are left to bin/test all", () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-length-"));
  after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "some.test.ts");
  const run = (env: NodeJS.ProcessEnv): unknown => {
    const counts = join(folder, "counts.json");
    writeFileSync(
      file,
      `import { describeInAll, inAll, inGate } from "${ROOT}/test/length.ts";
      describe("group", () => {
        before(() => console.log("hook"));
        it("short", () => {});
        inGate("same everywhere", () => {});
        inAll("long", () => {});
        inAll("long, of each system", () => {}, true);
        describe("inner", () => { before(() => { throw new Error("has no test to run for") }); inAll("longer", () => {}); });
        describeInAll("longest", () => { it("one", () => {}); it("two", () => {}); });
      });`,
    );
    const args = ["node_modules/mocha/bin/mocha.js", "--reporter", "test/counts.ts", file];
    const { status } = spawnSync(process.execPath, args, {
      cwd: ROOT,
      env: { ...process.env, BERTH_TEST_ALL: "", BERTH_TEST_OWN: "", BERTH_TEST_COUNTS: counts, ...env },
    });
    return { status, ...(JSON.parse(readFileSync(counts, "utf8")) as object) };
  };
  it("do not run, and are counted with their whole titles", () =>
    assert.deepEqual(run({}), {
      status: 0,
      passed: 2,
      failed: 0,
      pending: 0,
      left: [
        "group: long",
        "group: long, of each system",
        "group: inner: longer",
        "group: longest: one",
        "group: longest: two",
      ],
      failures: [],
    }));
  it("run in bin/test all", () =>
    assert.deepEqual(run({ BERTH_TEST_ALL: "1" }), {
      status: 1,
      passed: 6,
      failed: 1,
      pending: 0,
      left: [],
      failures: ['group: inner: "before all" hook for "longer": has no test to run for'],
    }));
  it("are not that of a suite which asks for what depends on its system alone, and neither is what is the same in every system", () =>
    assert.deepEqual(
      [run({ BERTH_TEST_ALL: "1", BERTH_TEST_OWN: "1" }), run({ BERTH_TEST_OWN: "1" })],
      [
        { status: 0, passed: 2, failed: 0, pending: 0, left: [], failures: [] },
        { status: 0, passed: 1, failed: 0, pending: 0, left: ["group: long, of each system"], failures: [] },
      ],
    ));
});

describe("the report of bin/test", () => {
  const result = (name: string, more: Partial<Result> = {}): Result => ({
    name,
    seconds: 1,
    passed: 1,
    failed: 0,
    left: [],
    failures: [],
    note: "",
    ...more,
  });

  it("has a row for each suite, of those too that did not run", () => {
    const rows = table([
      result("unit", { seconds: 8.13, passed: 271 }),
      result("conformance", { seconds: undefined, passed: 0, note: "passed here" }),
      result("serving (rotation)", { seconds: 812, failed: 2, left: ["a", "b"] }),
    ]);
    assert.equal(
      rows,
      [
        "suite               seconds  passed  failed  left to all",
        "unit                    8.1     271       0            0",
        "conformance               -       -       -            -  passed here",
        "serving (rotation)    812.0       1       2            2",
      ].join("\n"),
    );
  });
  it("names every test that was left out, and how it is run", () => {
    assert.equal(leftOut([result("unit")], []), "");
    assert.equal(
      leftOut([result("unit"), result("serving", { left: ["fails closed: a", "heals: b"] })], ["deploys"]),
      [
        "left to `bin/test all`: 2 tests and 1 suite",
        "  serving: fails closed: a",
        "  serving: heals: b",
        "  suites: deploys",
        "one suite at length: BERTH_TEST_ALL=1 bin/test <suite>",
      ].join("\n"),
    );
  });
  it("names the services that did not run, and which suite ran one all the same", () => {
    const suitesOf = (...words: string[]) => named(words).map(({ suite }) => suite);
    const off = ["grafana", "jaeger"];
    assert.equal(notRun(off, suitesOf("unit", "serving", "telemetry")), "grafana jaeger (but by telemetry)");
    assert.equal(notRun(off, suitesOf("unit", "serving")), "grafana jaeger");
    assert.equal(notRun(off, suitesOf("telemetry")), "grafana");
    assert.equal(notRun(off, suitesOf("unit")), "");
  });
  it("sums up", () =>
    assert.deepEqual(totals([result("a", { passed: 3 }), result("b", { failed: 2 })]), { passed: 4, failed: 2 }));
  it("has one failure more where the gate took longer than it may, with the longest suites", () => {
    const results = [result("a", { seconds: 60 }), result("b", { seconds: 1200 }), result("c", { seconds: undefined })];
    assert.equal(tooLong(2400, results), undefined);
    const late = tooLong(2401, results)!;
    assert.deepEqual([late.passed, late.failed], [0, 1]);
    assert.match(late.note, /^the gate took 41 minutes, 40 are allowed\. Longest: b 1200 s, a 60 s/);
  });
});

describe("the stamp of the conformance tests", () => {
  let copy: string;
  beforeEach(() => {
    copy = mkdtempSync(join(tmpdir(), "berth-stamp-"));
    for (const path of [...JUDGED, "package.json"]) cpSync(join(ROOT, path), join(copy, path), { recursive: true });
  });
  afterEach(() => rmSync(copy, { recursive: true }));
  const append = (path: string) => writeFileSync(join(copy, path), `${readFileSync(join(copy, path), "utf8")}\n`);
  const edit = (from: string, to: string) => {
    const text = readFileSync(join(copy, "package.json"), "utf8");
    assert.ok(text.includes(from));
    writeFileSync(join(copy, "package.json"), text.replace(from, to));
  };

  it("is the same for the same files, wherever the checkout is", () =>
    assert.equal(judgedHash(copy, {}), judgedHash(ROOT, {})));
  for (const path of [
    "bench/plugins/shared/wire.ts",
    "test/conformance/support.ts",
    "bench/cli/go.mod",
    "package-lock.json",
  ])
    it(`is another one when ${path} changes`, () => {
      append(path);
      assert.notEqual(judgedHash(copy, {}), judgedHash(ROOT, {}));
    });
  it("is another one with a new file, another version of the SDK, or other plugins", () => {
    const before = judgedHash(copy, {});
    assert.notEqual(judgedHash(copy, { BERTH_PLUGIN_PATH: "/elsewhere" }), before);
    writeFileSync(join(copy, "bench/plugins/new.ts"), "");
    const withFile = judgedHash(copy, {});
    assert.notEqual(withFile, before);
    edit('"@pulumi/pulumi": "', '"@pulumi/pulumi": "9');
    assert.notEqual(judgedHash(copy, {}), withFile);
  });
  it("does not care for the scripts of package.json", () => {
    edit('"scripts": {', '"scripts": { "new": "true",');
    assert.equal(judgedHash(copy, {}), judgedHash(ROOT, {}));
  });
  it("is kept in the bench's home, with the time of the pass", () => {
    const stamp = stampFile("abc", { BERTH_BENCH_HOME: copy });
    assert.equal(stamp, join(copy, "conformance/abc"));
    assert.equal(lastPass(stamp), undefined);
    recordPass(stamp, new Date("2026-11-25T14:02:33Z"));
    assert.equal(lastPass(stamp), "2026-11-25 14:02");
  });
});
