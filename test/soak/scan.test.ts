/**
 * Trivy itself, as bench/scan/build.sh builds it: what it lists, what it holds against a database that is made of OSV
 * entries and of Debian's security suites, and what becomes of that at the gate. The entries are invented, and so is
 * the image of most tests.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { create } from "tar";
import { made } from "../../scan/database.ts";
import { exitCode, judge, type Verdict } from "../../scan/gate.ts";
import { scannedOf } from "../../scan/scanned.ts";
import { hold, list, versionOf } from "../../scan/trivy.ts";
import type { Covered, Scanned } from "../../scan/types.ts";
import { ROOT } from "../stack/command.ts";

const run = promisify(execFile);
const TODAY = "2026-06-15";
const CRITICAL = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";
const HIGH = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H";
const FILES = {
  "etc/os-release": 'ID=debian\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n',
  "etc/debian_version": "12.1\n",
  "var/lib/dpkg/status": [
    ["libc6", "glibc (2.36-9)", "2.36-9+b1"],
    ["libc-bin", "glibc (2.36-9)", "2.36-9+b1"],
  ]
    .map(
      ([name, source, version]) =>
        `Package: ${name}\nStatus: install ok installed\nArchitecture: amd64\nSource: ${source}\nVersion: ${version}\n\n`,
    )
    .join(""),
  "opt/venv/lib/python3.11/site-packages/jinja2-3.1.2.dist-info/METADATA":
    "Metadata-Version: 2.1\nName: Jinja2\nVersion: 3.1.2\n\n",
  "app/node_modules/left/package.json": '{"name":"left","version":"1.2.3"}',
};
const places = { debian: ["Debian:12", "glibc"], pypi: ["PyPI", "Jinja2"], npm: ["npm", "left"] } as const;
type Place = keyof typeof places;

/** Invented: affects what the image has, unless said otherwise. */
const entry = (kind: Place, change: object = {}, events: object[] = [{ introduced: "0" }]) => {
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
const HARMLESS = (Object.keys(places) as Place[]).map((kind) =>
  entry(kind, { id: `NONE-${kind}` }, [{ introduced: "0" }, { fixed: "0.0.1" }]),
);

describe("scan", function () {
  this.timeout(3_600_000);
  let folder: string;
  let archives = 0;
  before(async () => {
    const bench = process.env["BERTH_BENCH_HOME"] ?? join(process.env["HOME"]!, ".cache/berth-bench");
    process.env["PATH"] = [process.env["PATH"], join(bench, "bin")].join(delimiter);
    // Half an hour of a compiler, the first time.
    await run("bench/scan/build.sh", [], { cwd: ROOT });
    folder = mkdtempSync(join(tmpdir(), "berth-scan-"));
  });
  after(() => {
    if (folder) rmSync(folder, { recursive: true });
  });

  /** An image of one layer, as `docker save` writes it. */
  function archiveOf(files: Readonly<Record<string, string>>): string {
    const at = join(folder, `image-${archives++}`);
    const into = (path: string, text: string): void => {
      mkdirSync(join(at, dirname(path)), { recursive: true });
      writeFileSync(join(at, path), text);
    };
    for (const [path, text] of Object.entries(files)) into(join("root", path), text);
    create({ cwd: join(at, "root"), sync: true, file: join(at, "layer.tar") }, ["."]);
    // Trivy keeps what it saw of a layer by the layer's name.
    const layer = `sha256:${archives.toString(16).padStart(64, "0")}`;
    const config = { architecture: "amd64", os: "linux", config: {}, rootfs: { type: "layers", diff_ids: [layer] } };
    into("config.json", JSON.stringify(config));
    into("manifest.json", JSON.stringify([{ Config: "config.json", RepoTags: ["app:1"], Layers: ["layer.tar"] }]));
    create({ cwd: at, sync: true, file: `${at}.tar` }, ["config.json", "manifest.json", "layer.tar"]);
    return `${at}.tar`;
  }

  async function scan(
    entries: readonly { id: string }[],
    files: Record<string, string> = FILES,
    suites: string[] = [],
  ) {
    const [cache, osv, bill] = ["cache", "osv", "bill.json"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    rmSync(osv, { recursive: true, force: true });
    mkdirSync(join(osv, "deep"), { recursive: true });
    for (const one of entries) writeFileSync(join(osv, "deep", `${one.id}.json`), JSON.stringify(one));
    await run("trivy-database", [cache]);
    const listed = await list(archiveOf(files), "app", bill, made(cache));
    const args = [cache, "-osv", osv, "-bill", bill, ...suites.flatMap((suite) => ["-suite", suite])];
    const covered = JSON.parse((await run("trivy-database", args)).stdout) as Covered;
    const database = { what: "a test", flags: made(cache), covered };
    return { covered, scanned: scannedOf("app", listed, database, await hold(bill, database)) };
  }
  const verdict = (scanned: Scanned): Verdict => judge([scanned], [], TODAY);
  const against = async (...entries: { id: string }[]): Promise<Verdict> =>
    verdict((await scan([...HARMLESS, ...entries])).scanned);
  const codeOf = async (...entries: { id: string }[]): Promise<number> => exitCode(await against(...entries));

  it("is the version that go.mod names", async () => {
    const [, wanted] = /aquasecurity\/trivy v(\S+)/.exec(readFileSync(join(ROOT, "bench/scan/go.mod"), "utf8"))!;
    assert.equal(await versionOf(), wanted);
  });
  it("passes when everything was judged and nothing is known", async () => {
    const { scanned } = await scan(HARMLESS);
    assert.deepEqual(scanned.listed, { deb: 2, npm: 1, pypi: 1 });
    assert.deepEqual(scanned.judged, scanned.listed);
    assert.deepEqual([exitCode(verdict(scanned)), scanned.findings], [0, []]);
  });
  for (const [kind, found] of [
    ["debian", ["libc-bin 2.36-9+b1", "libc6 2.36-9+b1"]],
    ["pypi", ["Jinja2 3.1.2"]],
    ["npm", ["left 1.2.3"]],
  ] as const)
    it(`fails on a critical entry for an installed package: ${kind}`, async () => {
      const { failures } = await against(entry(kind, {}, [{ introduced: "0" }, { fixed: "99.0.0" }]));
      assert.deepEqual(
        [...failures].sort(),
        found.map((what) => `app: TEST-${kind}, critical, in ${what}: mended in 99.0.0`),
      );
    });
  it("passes on nothing with a database that is empty, or that has not the ecosystem, and names what is not judged", async () => {
    const { scanned: empty } = await scan([]);
    assert.deepEqual([exitCode(verdict(empty)), empty.judged, empty.unjudged.length], [2, {}, 3]);
    const { scanned: some } = await scan([HARMLESS[1]!]);
    assert.deepEqual([exitCode(verdict(some)), some.judged], [2, { pypi: 1 }]);
    assert.deepEqual(some.unjudged, [
      "deb 2: there are no OSV entries of Debian:12",
      "npm 1: there are no OSV entries of npm",
    ]);
  });
  it("passes on nothing that has no list of packages, or no number", async () => {
    const { scanned: bare } = await scan(HARMLESS, { "bin/program": "no list" });
    assert.equal(exitCode(verdict(bare)), 2);
    const sid = {
      ...FILES,
      "etc/os-release": "ID=debian\nVERSION_CODENAME=forky\n",
      "etc/debian_version": "forky/sid\n",
    };
    const { scanned } = await scan(HARMLESS, sid);
    assert.equal(exitCode(verdict(scanned)), 2);
    assert.match(
      scanned.unjudged.join(),
      /^deb 2: Trivy judges by releases, and forky\/sid of debian is none that it knows/,
    );
  });
  it("finds what Debian's security suites have a newer version of, and does not take that for all", async () => {
    const suite = (version: string): string => {
      const file = join(folder, `Sources-${version}`);
      writeFileSync(
        file,
        `Package: glibc\nVersion: 1:0\n\nPackage: glibc\nVersion: ${version}\n\n`.replace("1:0", "2.0"),
      );
      return `12=bookworm-security=${file}`;
    };
    const { scanned, covered } = await scan([HARMLESS[1]!, HARMLESS[2]!], FILES, [suite("2.36-9+deb12u1")]);
    assert.deepEqual(covered.suites, { 12: 1 });
    assert.deepEqual(
      scanned.findings.map(({ id, package: name, severity, fixed }) => [id, name, severity, fixed]).sort(),
      ["libc-bin", "libc6"].map((name) => ["bookworm-security/glibc", name, "unknown", "2.36-9+deb12u1"]),
    );
    assert.deepEqual(scanned.unjudged, ["deb 2: its security suite says what is mended, and not what is open"]);
    assert.deepEqual((await scan(HARMLESS, FILES, [suite("2.36-9")])).scanned.findings, []);
  });

  for (const [what, events, affected] of [
    ["before it came", [{ introduced: "3.2" }], false],
    ["since it came", [{ introduced: "3.1.2" }], true],
    ["mended in this one", [{ introduced: "0" }, { fixed: "3.1.2" }], false],
    ["mended later", [{ introduced: "3.0" }, { fixed: "3.1.3" }], true],
    ["last in this one", [{ introduced: "0" }, { last_affected: "3.1.2" }], true],
    ["last in an earlier one", [{ introduced: "0" }, { last_affected: "3.1.1" }], false],
    ["mended, and back again", [{ introduced: "0" }, { fixed: "2.0" }, { introduced: "3.1" }, { fixed: "3.2" }], true],
    ["between the branches", [{ introduced: "0" }, { fixed: "3.1" }, { introduced: "3.2" }], false],
    ["a candidate of this one", [{ introduced: "0" }, { fixed: "3.1.2rc1" }], false],
  ] as const)
    it(`reads ranges: ${what}`, async () =>
      assert.equal(await codeOf(entry("pypi", {}, [...events])), affected ? 1 : 0));
  it("reads versions named one by one, and leaves out what was withdrawn or is of another release", async () => {
    const listed = (versions: string[]) =>
      entry("pypi", { affected: [{ package: { ecosystem: "PyPI", name: "jinja2" }, versions }] });
    assert.equal(await codeOf(listed(["3.1.1", "3.1.2"])), 1);
    assert.equal(await codeOf(listed(["3.1.1"])), 0);
    const withdrawn = { withdrawn: "2026-06-02T00:00:00Z" };
    const other = { affected: [{ package: { ecosystem: "Debian:11", name: "glibc" }, ranges: [] }] };
    assert.equal(
      await codeOf(entry("pypi", withdrawn), entry("debian", { ...withdrawn, id: "W" }), entry("debian", other)),
      0,
    );
  });
  it("takes what Debian says otherwise than by the version that mends for open", async () => {
    assert.equal(await codeOf(entry("debian", {}, [{ introduced: "0" }, { last_affected: "2.0-1" }])), 1);
    assert.equal(await codeOf(entry("debian", {}, [{ introduced: "0" }, { fixed: "2.36-9" }])), 0);
  });
  it("counts two names of one thing once, and not the less because one of them does not say how bad it is", async () => {
    const { failures } = await against(
      entry("pypi", { id: "GHSA-1", aliases: ["CVE-2026-0001"] }),
      entry("pypi", { id: "PYSEC-1", aliases: ["CVE-2026-0001"], severity: [] }),
    );
    assert.deepEqual(
      failures.map((failure) => failure.replace(/\(.*?\)/, "(…)")),
      ["app: CVE-2026-0001 (…), critical, in Jinja2 3.1.2: no version without it is known"],
    );
  });
  it("takes two that differ on how bad it is for as bad as the worse says, in whatever order", async () => {
    const high = { severity: [{ type: "CVSS_V3", score: HIGH }] };
    for (const [ghsa, pysec] of [
      [{}, high],
      [high, {}],
    ])
      assert.equal(
        await codeOf(
          entry("pypi", { id: "GHSA-1", aliases: ["CVE-2026-0001"], ...ghsa }),
          entry("pypi", { id: "PYSEC-1", aliases: ["CVE-2026-0001"], ...pysec }),
        ),
        1,
      );
  });
  it("takes the entry's word, then its scores, and Debian's word that it is no matter of security", async () => {
    assert.equal(await codeOf(entry("npm", { severity: [], database_specific: { severity: "CRITICAL" } })), 1);
    const high = await against(entry("npm", { severity: [{ type: "CVSS_V3", score: HIGH }] }));
    assert.deepEqual([exitCode(high), high.reported.map(({ finding }) => finding.severity)], [0, ["high"]]);
    const [affected] = entry("debian").affected;
    const specific = { affected: [{ ...affected, ecosystem_specific: { urgency: "unimportant" } }] };
    const unimportant = await against(entry("debian", specific));
    assert.deepEqual([...new Set(unimportant.reported.map(({ finding }) => finding.severity))], ["low"]);
    assert.equal(await codeOf(entry("npm", { id: "MAL-2026-1", severity: [] })), 1, "malicious packages have no score");
  });
  it("names an entry that is broken, and refuses a file that is none", async () => {
    const { covered } = await scan([...HARMLESS, entry("pypi", {}, [{ fixed: "4" }])]);
    assert.deepEqual(covered.skipped, ['TEST-pypi: a range of Jinja2 does not begin with "introduced"']);
    await assert.rejects(scan([{ id: "" }]), /is no entry in the OSV format/);
  });
  it("says which versions it cannot compare", async () => {
    const odd = { ...FILES, "app/node_modules/left/package.json": '{"name":"left","version":"not.a.version"}' };
    const { scanned } = await scan([...HARMLESS, entry("npm", {}, [{ introduced: "0" }, { fixed: "2.0.0" }])], odd);
    assert.match(scanned.unjudged.join(), /versions that cannot be compared: .*not\.a\.version/);
  });

  describe("of an image of the bench", () => {
    /** bin/scan itself, on what the engine has. */
    const bin = async (osv: string): Promise<{ code: number; said: string }> => {
      const env = { ...process.env, BERTH_OSV: osv };
      try {
        const { stdout } = await run("bin/scan", ["dev", "python:3.11-slim"], { cwd: ROOT, env });
        return { code: 0, said: stdout };
      } catch (error) {
        const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
        return { code, said: stdout || stderr };
      }
    };
    it("says which image it judged by Debian's suites alone, and that this is not all", async () => {
      const empty = join(folder, "empty");
      mkdirSync(empty);
      const { code, said } = await bin(empty);
      assert.equal(code, 2, said);
      assert.match(said, /\*\*The gate does not pass\*\*/);
      assert.match(said, /- python:3\.11-slim: deb \d\d+: its security suite says what is mended/);
      assert.match(said, /\| python:3\.11-slim \| deb \d\d+.* \| \.state\/sbom\/dev\/python-3\.11-slim\.json \|/);
    });
    it("refuses a folder that is not there", async () => {
      const { code, said } = await bin(join(folder, "nowhere"));
      assert.equal(code, 1);
      assert.match(said, /^error: BERTH_OSV names \S+nowhere, which is not there: it takes a folder of OSV entries/m);
    });
    it("fails on an entry for what it holds", async () => {
      const osv = join(folder, "brought");
      mkdirSync(osv);
      writeFileSync(join(osv, "one.json"), JSON.stringify(entry("debian", {}, [{ introduced: "0" }, { fixed: "99" }])));
      const { code, said } = await bin(osv);
      assert.equal(code, 1, said);
      assert.match(said, /- python:3\.11-slim: TEST-debian, critical, in libc6 \S+: mended in 99/);
    });
  });
});
