/**
 * What becomes of what Trivy lists and finds. recorded.json has what Trivy 0.74.0 wrote of four images of the bench, by
 * a database of Debian's security suites alone, cut to the fields that are read and to three packages of each kind.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Bill, type Held, kindsOf, scannedOf } from "../../../scan/scanned.ts";
import type { Covered, Database, Scanned } from "../../../scan/types.ts";

const ROOT = join(import.meta.dirname, "../../..");
const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");
type Name = "python" | "nginx" | "prometheus" | "neo4j";
const recorded = JSON.parse(read("test/unit/scan/recorded.json")) as Record<Name, Held & { bill: Bill }>;
const made = (ecosystems: Covered["ecosystems"], suites: Covered["suites"] = {}): Database => ({
  what: "a test",
  flags: [],
  covered: { entries: 1, newest: "2026-06-01", ecosystems, suites, skipped: [] },
});
const OWN: Database = { what: "a test", flags: [] };
const judged = (name: Name, database: Database | string, change: Partial<Held> = {}): Scanned => {
  const { bill, ...held } = recorded[name];
  return scannedOf(name, bill, database, typeof database === "string" ? undefined : { ...held, ...change });
};

describe("scan/scanned", () => {
  it("counts what a bill lists by kind, and knows the system that it is of", () => {
    assert.deepEqual(kindsOf(recorded.python.bill), [
      { kind: "deb", count: 3, family: "debian", release: "12.15" },
      { kind: "pypi", count: 2, family: "debian", release: "12.15" },
    ]);
    assert.deepEqual(kindsOf(recorded.prometheus.bill), [{ kind: "golang", count: 2 }]);
  });
  it("takes over what is found", () =>
    assert.deepEqual(judged("neo4j", OWN).findings[0], {
      id: "trixie-security/libzstd",
      aliases: [],
      package: "libzstd1",
      version: "1.5.7+dfsg-1",
      severity: "unknown",
      fixed: "1.5.7+dfsg-1+deb13u1",
    }));
  it("takes what two sources of entries know for as bad as the worse says, and Debian's word for Debian's", () => {
    const severity = (source: string): string => {
      const one = { VulnerabilityID: "CVE-1", PkgName: "x", InstalledVersion: "1", Severity: "LOW" };
      const found = { ...one, DataSource: { ID: source }, VendorSeverity: { ghsa: 4, [source]: 1 } };
      const report = { Results: [{ Vulnerabilities: [found] }] };
      return scannedOf("app", recorded.python.bill, OWN, { report, log: "" }).findings[0]!.severity;
    };
    assert.deepEqual(["osv", "debian"].map(severity), ["critical", "low"]);
  });
  it("counts as judged, by Trivy's own database, what that has advisories of", () => {
    assert.deepEqual([judged("python", OWN).judged, judged("python", OWN).unjudged], [{ deb: 3, pypi: 2 }, []]);
    const odd: Bill = {
      components: ["conda", "deb"].map((kind) => ({ type: "library", name: "x", purl: `pkg:${kind}/x@1` })),
    };
    assert.deepEqual(scannedOf("odd", odd, OWN, { report: {}, log: "" }).unjudged, [
      "conda 1: Trivy has no advisories of that kind",
      "deb 1: the image does not say of which system it is",
    ]);
  });
  it("counts as judged, by a database that is made, only what that has entries of", () => {
    const all = made({ "Debian:12": 1, PyPI: 1, Go: 1 });
    assert.deepEqual([judged("python", all).judged, judged("python", all).unjudged], [{ deb: 3, pypi: 2 }, []]);
    assert.deepEqual(judged("prometheus", all).unjudged, []);
    assert.deepEqual(judged("neo4j", all).unjudged, [
      "deb 3: there are no OSV entries of Debian:13",
      "maven 3: there are no OSV entries of Maven",
    ]);
    assert.deepEqual(judged("neo4j", made({ Maven: 1 }, { 13: 1 })).unjudged, [
      "deb 3: its security suite says what is mended, and not what is open",
      "maven 3: archives without a pom.properties are not listed",
    ]);
    const alpine: Bill = {
      components: [
        { type: "operating-system", name: "alpine", version: "3.23.1" },
        { type: "library", name: "x", purl: "pkg:apk/alpine/x@1" },
      ],
    };
    assert.deepEqual(scannedOf("alpine", alpine, all, { report: {}, log: "" }).unjudged, [
      "apk 1: OSV entries of that kind are not taken over",
    ]);
  });
  it("judges nothing without a database, by an empty one, of a release that Trivy does not know, or of an image without lists", () => {
    assert.deepEqual(judged("python", "nobody can").unjudged, ["deb 3: nobody can", "pypi 2: nobody can"]);
    for (const none of [judged("python", "nobody can"), judged("python", made({})), judged("nginx", OWN)])
      assert.deepEqual(none.judged, {});
    assert.equal(judged("python", made({})).unjudged.length, 2);
    assert.deepEqual(judged("nginx", OWN).unjudged, [
      "deb 3: Trivy judges by releases, and forky/sid of debian is none that it knows",
    ]);
    assert.deepEqual(scannedOf("bare", {}, OWN, { report: {}, log: "" }).unjudged, [
      "whatever it holds, because Trivy found no list of packages in it",
    ]);
  });
  it("does not pass on a system out of support, nor on versions that cannot be compared", () => {
    const old = { report: { Metadata: { OS: { Family: "debian", Name: "9", EOSL: true } } } };
    assert.match(judged("python", OWN, old).unjudged.join(), /^debian 9 is out of support/);
    const log =
      '2026-11-27T17:12:21Z\tWARN\tVersion matching error\terr="npm version error (x.y): invalid semantic version"\n';
    assert.deepEqual(judged("python", OWN, { log: log + log }).unjudged, [
      "versions that cannot be compared: npm version error (x.y): invalid semantic version",
    ]);
  });
  it("is of one Trivy: the workflow installs what the bench builds, and bin/scan and its page name that", () => {
    const [, version] = /aquasecurity\/trivy v(\S+)/.exec(read("bench/scan/go.mod"))!;
    assert.ok(read(".github/workflows/scan.yml").includes(`version: v${version}\n`));
    for (const file of ["bin/scan", "docs/images.md"]) assert.ok(read(file).includes(`${version} `), file);
  });
});
