/** The gate, from a folder of OSV entries to an exit code: that it fails where it must is what counts. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readDatabase } from "../../../scan/database.ts";
import { exitCode, judge, type Verdict } from "../../../scan/gate.ts";
import { type Entry, keysOf } from "../../../scan/osv.ts";
import { report } from "../../../scan/report.ts";
import { hold } from "../../../scan/scanner.ts";
import { ofVector, ofWord } from "../../../scan/severity.ts";
import { ofTrivy, type TrivyReport } from "../../../scan/trivy.ts";
import type { Inventory } from "../../../scan/types.ts";
import { type Waiver, waivers } from "../../../scan/waivers.ts";

const TODAY = "2026-06-15";
const CRITICAL = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";
const HIGH = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H";
const INVENTORY: Inventory = {
  release: "12",
  unread: [],
  packages: [
    { ecosystem: "Debian", name: "libc6", version: "2.36-9+b1", source: { name: "glibc", version: "2.36-9" } },
    { ecosystem: "Debian", name: "libc-bin", version: "2.36-9+b1", source: { name: "glibc", version: "2.36-9" } },
    { ecosystem: "PyPI", name: "jinja2", version: "3.1.2" },
    { ecosystem: "npm", name: "left", version: "1.2.3" },
  ],
};
const places = { debian: ["Debian:12", "glibc"], pypi: ["PyPI", "Jinja2"], npm: ["npm", "left"] } as const;
/** Invented: affects what the inventory has, unless said otherwise. */
const entry = (
  kind: keyof typeof places,
  change: Partial<Entry> = {},
  events: object[] = [{ introduced: "0" }],
): Entry => {
  const [ecosystem, name] = places[kind];
  return {
    id: `TEST-${kind}`,
    modified: "2026-06-01T00:00:00Z",
    severity: [{ type: "CVSS_V3", score: CRITICAL }],
    affected: [{ package: { ecosystem, name }, ranges: [{ type: "ECOSYSTEM", events }] }],
    ...change,
  };
};
/** One for each kind that affects nothing, so that every kind is judged. */
const HARMLESS = (Object.keys(places) as (keyof typeof places)[]).map((kind) =>
  entry(kind, { id: `NONE-${kind}` }, [{ introduced: "0" }, { fixed: "0.0.1" }]),
);

describe("scan/gate", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "berth-osv-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const against = (entries: readonly Entry[], waived: readonly Waiver[] = [], inventory = INVENTORY): Verdict => {
    mkdirSync(join(folder, "deep"), { recursive: true });
    for (const one of entries) writeFileSync(join(folder, "deep", `${one.id}.json`), JSON.stringify(one));
    return judge([hold("app", inventory, readDatabase(folder, new Set(keysOf(inventory))), folder)], waived, TODAY);
  };
  const waiver = (change: Partial<Waiver> = {}): Waiver => ({
    id: "TEST-pypi",
    package: "jinja2",
    reason: "templates are ours",
    until: TODAY,
    ...change,
  });

  it("passes when everything was judged and nothing is known", () =>
    assert.deepEqual([exitCode(against(HARMLESS)), against(HARMLESS).reported], [0, []]));

  for (const kind of ["debian", "pypi", "npm"] as const)
    it(`fails on an invented critical entry for an installed package: ${kind}`, () => {
      const verdict = against([...HARMLESS, entry(kind, {}, [{ introduced: "0" }, { fixed: "99.0.0" }])]);
      assert.equal(exitCode(verdict), 1);
      assert.equal(verdict.failures.length, 1, "two binaries of one source are one finding");
      assert.match(
        verdict.failures[0]!,
        new RegExp(
          `^app: TEST-${kind}, critical, in (glibc 2\\.36-9|jinja2 3\\.1\\.2|left 1\\.2\\.3): mended in 99\\.0\\.0$`,
        ),
      );
    });

  it("passes with a waiver, up to and including its last day", () => {
    const verdict = against([...HARMLESS, entry("pypi")], [waiver()]);
    assert.equal(exitCode(verdict), 0);
    assert.deepEqual(
      verdict.waived.map(({ finding, waiver: { reason } }) => [finding.id, reason]),
      [["TEST-pypi", "templates are ours"]],
    );
  });
  it("takes a waiver by any of the finding's names", () =>
    assert.equal(
      exitCode(
        against([...HARMLESS, entry("pypi", { aliases: ["CVE-2026-0001"] })], [waiver({ id: "CVE-2026-0001" })]),
      ),
      0,
    ));
  it("fails with an expired waiver, and says which, why it was and what to do", () => {
    const verdict = against([...HARMLESS, entry("pypi")], [waiver({ until: "2026-06-14" })]);
    assert.equal(exitCode(verdict), 1);
    assert.deepEqual(verdict.failures, [
      "the waiver of TEST-pypi in jinja2 ended on 2026-06-14 (templates are ours): mend it, or set a new end in scan/waivers.ts if the reason still holds",
      "app: TEST-pypi, critical, in jinja2 3.1.2: no version without it is known",
    ]);
  });
  it("fails with another package's or another finding's waiver, and says that it covers nothing", () => {
    for (const wrong of [waiver({ package: "left" }), waiver({ id: "TEST-other" })]) {
      const verdict = against([...HARMLESS, entry("pypi")], [wrong]);
      assert.equal(exitCode(verdict), 1);
      assert.deepEqual(verdict.idle, [wrong]);
    }
  });
  it("refuses a waiver without reason, or without a day", () => {
    assert.match(against(HARMLESS, [waiver({ reason: " " })]).failures.join(), /lacks its id, package or reason/);
    assert.match(
      against(HARMLESS, [waiver({ until: "9999" })]).failures.join(),
      /ends on "9999": a day such as 2026-12-31 is needed/,
    );
  });
  it("the waivers of this checkout are complete", () =>
    assert.deepEqual(judge([], waivers, "2000-01-01").failures, []));

  it("reports what is high, and passes", () => {
    const verdict = against([...HARMLESS, entry("npm", { severity: [{ type: "CVSS_V3", score: HIGH }] })]);
    assert.deepEqual([exitCode(verdict), verdict.reported.map(({ finding }) => finding.severity)], [0, ["high"]]);
  });

  it("does not pass on what was not judged: no database, one without the ecosystem, Debian without a number, what is not read", () => {
    const none = against([]);
    assert.equal(exitCode(none), 2);
    assert.deepEqual(
      none.unjudged.map((text) => text.replace(folder, "osv")),
      [
        "app: Debian: 2 packages listed, not judged, because there is no database in osv (docs/images.md says how to get one)",
        "app: PyPI: 1 package listed, not judged, because there is no database in osv (docs/images.md says how to get one)",
        "app: npm: 1 package listed, not judged, because there is no database in osv (docs/images.md says how to get one)",
      ],
    );
    assert.match(
      against(HARMLESS, [], { packages: INVENTORY.packages, unread: [] }).unjudged.join(),
      /^app: Debian: 2 packages listed, not judged, because this release of Debian has no number/,
    );
    assert.match(against(HARMLESS, [], { ...INVENTORY, release: "13" }).unjudged.join(), /has nothing of Debian:13$/);
    assert.equal(exitCode(against(HARMLESS, [], { ...INVENTORY, unread: ["Alpine packages"] })), 2);
    assert.deepEqual(
      against(HARMLESS, [], {
        ...INVENTORY,
        packages: [...INVENTORY.packages, { ecosystem: "PyPI", name: "jinja2", version: "of-today" }],
      }).unjudged,
      ["app: versions that cannot be compared: jinja2 of-today against NONE-pypi"],
    );
  });
  it("names a file that is no entry", () => {
    writeFileSync(join(folder, "broken.json"), "{");
    assert.throws(() => against(HARMLESS), /broken\.json cannot be read/);
    writeFileSync(join(folder, "broken.json"), "{}");
    assert.throws(() => against(HARMLESS), /broken\.json is no entry in the OSV format/);
  });

  for (const [what, events, affected] of [
    ["before it came", [{ introduced: "3.2" }], false],
    ["since it came", [{ introduced: "3.1.2" }], true],
    ["mended in this one", [{ introduced: "0" }, { fixed: "3.1.2" }], false],
    ["mended later", [{ introduced: "3.0" }, { fixed: "3.1.3" }], true],
    ["last in this one", [{ introduced: "0" }, { last_affected: "3.1.2" }], true],
    ["last in an earlier one", [{ introduced: "0" }, { last_affected: "3.1.1" }], false],
    ["mended, and back again", [{ introduced: "0" }, { fixed: "2.0" }, { introduced: "3.1" }, { fixed: "3.2" }], true],
    ["in any order", [{ fixed: "3.2" }, { introduced: "3.1" }, { introduced: "0" }, { fixed: "2.0" }], true],
    ["between the branches", [{ introduced: "0" }, { fixed: "3.1" }, { introduced: "3.2" }], false],
    ["a candidate of this one", [{ introduced: "0" }, { fixed: "3.1.2rc1" }], false],
  ] as const)
    it(`reads ranges: ${what}`, () =>
      assert.equal(exitCode(against([...HARMLESS, entry("pypi", {}, [...events])])), affected ? 1 : 0));
  it("reads versions named one by one, and leaves out what was withdrawn or is of another release", () => {
    const listed = (versions: string[]) =>
      entry("pypi", { affected: [{ package: { ecosystem: "PyPI", name: "jinja2" }, versions }] });
    assert.equal(exitCode(against([...HARMLESS, listed(["3.1.1", "3.1.2.0"])])), 1);
    assert.equal(exitCode(against([...HARMLESS, listed(["3.1.1"])])), 0);
    assert.equal(exitCode(against([...HARMLESS, entry("pypi", { withdrawn: "2026-06-02T00:00:00Z" })])), 0);
    assert.equal(
      exitCode(
        against([
          ...HARMLESS,
          entry("debian", { affected: [{ package: { ecosystem: "Debian:11", name: "glibc" }, versions: ["2.36-9"] }] }),
          entry("pypi", { withdrawn: "2026-06-02T00:00:00Z" }),
        ]),
      ),
      0,
    );
  });
  it("counts two names of one thing once, as bad as the worse says", () => {
    const verdict = against([
      ...HARMLESS,
      entry("pypi", { id: "GHSA-1", aliases: ["CVE-2026-0001"], severity: [{ type: "CVSS_V3", score: HIGH }] }),
      entry("pypi", { id: "PYSEC-1", aliases: ["CVE-2026-0001"] }, [{ introduced: "0" }, { fixed: "4" }]),
    ]);
    assert.deepEqual(verdict.failures, [
      "app: GHSA-1 (CVE-2026-0001, PYSEC-1), critical, in jinja2 3.1.2: mended in 4",
    ]);
  });
  it("takes the worst that is said, but Debian's word that it is no matter of security", () => {
    assert.equal(
      exitCode(against([...HARMLESS, entry("npm", { severity: [], database_specific: { severity: "CRITICAL" } })])),
      1,
    );
    const [affected] = entry("debian").affected!;
    const unimportant = against([
      ...HARMLESS,
      entry("debian", { affected: [{ ...affected!, ecosystem_specific: { urgency: "unimportant" } }] }),
      entry("npm", { withdrawn: "2026-06-02T00:00:00Z" }),
    ]);
    assert.deepEqual(
      [exitCode(unimportant), unimportant.reported.map(({ finding }) => finding.severity)],
      [0, ["low"]],
    );
    assert.equal(
      exitCode(against([...HARMLESS, entry("npm", { id: "MAL-2026-1", severity: [] })])),
      1,
      "malicious packages have no score",
    );
  });
  for (const [vector, severity] of [
    [CRITICAL, "critical"],
    [HIGH, "high"],
    ["CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", "critical"],
    ["CVSS:3.0/AV:L/AC:H/PR:L/UI:R/S:U/C:L/I:N/A:N", "low"],
    ["AV:N/AC:L/Au:N/C:P/I:P/A:P", "high"],
    ["CVSS:3.1/AV:N", "unknown"],
    ["rubbish", "unknown"],
    ["", "unknown"],
  ] as const)
    it(`CVSS: ${vector || "nothing"} is ${severity}`, () => assert.equal(ofVector(vector), severity));
  it("knows the words of databases", () =>
    assert.deepEqual(["CRITICAL", "High", "MODERATE", "LOW", "NEGLIGIBLE", undefined].map(ofWord), [
      "critical",
      "high",
      "medium",
      "low",
      "unknown",
      "unknown",
    ]));

  it("counts Trivy's findings the same, and passes on nothing that Trivy does not know", () => {
    const found: TrivyReport = {
      Metadata: { OS: { Family: "debian", Name: "12.1" } },
      Results: [
        {
          Target: "app (debian 12.1)",
          Type: "debian",
          Packages: [{}, {}],
          Vulnerabilities: [
            {
              VulnerabilityID: "CVE-2026-0001",
              PkgName: "libc6",
              InstalledVersion: "2.36-9",
              FixedVersion: "2.36-9+deb12u1",
              Severity: "CRITICAL",
            },
          ],
        },
        {
          Target: "Python",
          Type: "python-pkg",
          Packages: [{}],
          Vulnerabilities: [
            { VulnerabilityID: "CVE-2026-0002", PkgName: "Jinja2", InstalledVersion: "3.1.2", Severity: "HIGH" },
          ],
        },
        { Target: "bin/app", Type: "gobinary" },
      ],
    };
    const scanned = ofTrivy("app", found);
    assert.deepEqual(scanned.judged, { debian: 2, "python-pkg": 1, gobinary: 0 });
    const verdict = judge([scanned], [], TODAY);
    assert.deepEqual(
      [exitCode(verdict), verdict.failures],
      [1, ["app: CVE-2026-0001, critical, in libc6 2.36-9: mended in 2.36-9+deb12u1"]],
    );
    assert.equal(exitCode(judge([scanned], [waiver({ id: "CVE-2026-0001", package: "libc6" })], TODAY)), 0);
    assert.equal(exitCode(judge([ofTrivy("app", {})], [], TODAY)), 2);
    assert.match(
      ofTrivy("app", { ...found, Metadata: { OS: { Family: "debian", Name: "9", EOSL: true } } }).unjudged.join(),
      /debian 9 is out of support/,
    );
    const sid = ofTrivy("app", { ...found, Metadata: { OS: { Family: "debian", Name: "forky/sid" } } });
    assert.deepEqual(sid.judged, { "python-pkg": 1, gobinary: 0 });
    assert.match(sid.unjudged.join(), /^debian: not judged, because forky\/sid has no number/);
  });

  it("is reported with what failed, what was not judged and what each image holds", () => {
    const text = (verdict: Verdict, judged: Record<string, number>) =>
      report(
        "Images of stack dev",
        "a test",
        verdict,
        [{ image: "app", findings: [], judged, unjudged: [] }],
        [{ image: "app", file: "app.json", listed: { PyPI: 1 } }],
      );
    assert.match(
      text(against([...HARMLESS, entry("pypi")]), { PyPI: 1 }),
      /^# Images of stack dev\n\n\*\*The gate fails\.\*\*[\s\S]*## Fails\n\n- app: TEST-pypi[\s\S]*\| app \| PyPI 1 \| PyPI 1 \| app\.json \|$/,
    );
    assert.match(
      text(against([...HARMLESS, entry("pypi")], [waiver()]), { PyPI: 1 }),
      /\*\*The gate passes\*\*: nothing critical\.[\s\S]*## Waived\n\n- app: TEST-pypi in jinja2 until 2026-06-15: templates are ours/,
    );
    rmSync(join(folder, "deep"), { recursive: true });
    const nothing = text(against([]), {});
    assert.match(
      nothing,
      /\*\*The gate does not pass\*\*: nothing was judged\.[\s\S]*## Not judged[\s\S]*\| app \| PyPI 1 \| nothing \|/,
    );
    assert.doesNotMatch(nothing, /\b(0|no) findings|passes/);
  });
});
