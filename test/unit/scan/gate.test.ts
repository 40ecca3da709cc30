/** The gate, from findings to an exit code and a report: that it fails where it must is what counts. */
import assert from "node:assert/strict";
import { exitCode, judge, type Verdict } from "../../../scan/gate.ts";
import { report } from "../../../scan/report.ts";
import type { Finding, Scanned } from "../../../scan/types.ts";
import { type Waiver, waivers } from "../../../scan/waivers.ts";

const TODAY = "2026-06-15";
const finding = (change: Partial<Finding> = {}): Finding => ({
  id: "TEST-1",
  aliases: [],
  package: "jinja2",
  version: "3.1.2",
  severity: "critical",
  ...change,
});
const scanned = (findings: readonly Finding[], unjudged: readonly string[] = []): Scanned => ({
  image: "app",
  findings,
  bill: "app.json",
  listed: { pypi: 1 },
  judged: unjudged.length ? {} : { pypi: 1 },
  unjudged,
});
const against = (findings: readonly Finding[], waived: readonly Waiver[] = []): Verdict =>
  judge([scanned(findings)], waived, TODAY);
const waiver = (change: Partial<Waiver> = {}): Waiver => ({
  id: "TEST-1",
  package: "jinja2",
  reason: "templates are ours",
  until: TODAY,
  ...change,
});

describe("scan/gate", () => {
  it("passes when everything was judged and nothing is known", () =>
    assert.deepEqual([exitCode(against([])), against([]).reported], [0, []]));
  it("fails on what is critical, and says where it is mended", () => {
    assert.equal(exitCode(against([finding()])), 1);
    assert.deepEqual(
      against([finding({ fixed: "4" }), finding({ id: "TEST-2", aliases: ["CVE-2026-0001"] })]).failures,
      [
        "app: TEST-1, critical, in jinja2 3.1.2: mended in 4",
        "app: TEST-2 (CVE-2026-0001), critical, in jinja2 3.1.2: no version without it is known",
      ],
    );
  });
  it("reports what is high or less, or of which nobody says how bad it is, and passes", () => {
    const severities = ["high", "medium", "low", "unknown"] as const;
    const verdict = against(severities.map((severity) => finding({ id: severity, severity })));
    assert.deepEqual(
      [exitCode(verdict), verdict.reported.map(({ finding: { severity } }) => severity)],
      [0, [...severities]],
    );
  });
  it("does not pass on what was not judged, and fails on what is critical beside it", () => {
    const verdict = judge([scanned([], ["npm 1: there are no OSV entries of npm"])], [], TODAY);
    assert.deepEqual([exitCode(verdict), verdict.unjudged], [2, ["app: npm 1: there are no OSV entries of npm"]]);
    assert.equal(exitCode(judge([scanned([finding()], ["something"])], [], TODAY)), 1);
  });

  it("passes with a waiver, up to and including its last day", () => {
    const verdict = against([finding()], [waiver()]);
    assert.equal(exitCode(verdict), 0);
    assert.deepEqual(
      verdict.waived.map(({ finding: { id }, waiver: { reason } }) => [id, reason]),
      [["TEST-1", "templates are ours"]],
    );
  });
  it("takes a waiver by any of the finding's names", () =>
    assert.equal(exitCode(against([finding({ aliases: ["CVE-2026-0001"] })], [waiver({ id: "CVE-2026-0001" })])), 0));
  it("fails with an expired waiver, and says which, why it was and what to do", () => {
    const verdict = against([finding()], [waiver({ until: "2026-06-14" })]);
    assert.equal(exitCode(verdict), 1);
    assert.deepEqual(verdict.failures, [
      "the waiver of TEST-1 in jinja2 ended on 2026-06-14 (templates are ours): mend it, or set a new end in scan/waivers.ts if the reason still holds",
      "app: TEST-1, critical, in jinja2 3.1.2: no version without it is known",
    ]);
  });
  it("fails with another package's or another finding's waiver, and says that it covers nothing", () => {
    for (const wrong of [waiver({ package: "left" }), waiver({ id: "TEST-other" })]) {
      const verdict = against([finding()], [wrong]);
      assert.equal(exitCode(verdict), 1);
      assert.deepEqual(verdict.idle, [wrong]);
    }
  });
  it("refuses a waiver without reason, or without a day", () => {
    assert.match(against([], [waiver({ reason: " " })]).failures.join(), /lacks its id, package or reason/);
    assert.match(
      against([], [waiver({ until: "9999" })]).failures.join(),
      /ends on "9999": a day such as 2026-12-31 is needed/,
    );
  });
  it("the waivers of this checkout are complete", () =>
    assert.deepEqual(judge([], waivers, "2000-01-01").failures, []));

  it("is reported with what failed, what was not judged and what each image holds", () => {
    const text = (verdict: Verdict, all = [scanned([])]) => report("Images of stack dev", "a test", verdict, all);
    assert.match(
      text(against([finding()])),
      /^# Images of stack dev\n\n\*\*The gate fails\.\*\*[\s\S]*## Fails\n\n- app: TEST-1[\s\S]*\| app \| pypi 1 \| pypi 1 \| app\.json \|$/,
    );
    assert.match(
      text(against([finding()], [waiver()])),
      /\*\*The gate passes\*\*: nothing critical\.[\s\S]*## Waived\n\n- app: TEST-1 in jinja2 until 2026-06-15: templates are ours/,
    );
    const all = [scanned([], ["pypi 1: there is no database"])];
    const nothing = text(judge(all, [], TODAY), all);
    assert.match(
      nothing,
      /\*\*The gate does not pass\*\*: nothing was judged in full\.[\s\S]*## Not judged\n\n- app: pypi 1: there is no database[\s\S]*\| app \| pypi 1 \| nothing \|/,
    );
    assert.doesNotMatch(nothing, /\b(0|no) findings|passes/);
  });
});
