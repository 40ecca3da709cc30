/** What Trivy lists and finds, as ours, and what it cannot judge. Pure: scan/trivy.ts asks it. */
import type { Database, Finding, Scanned, Severity } from "./types.ts";

/** A bill of materials (CycloneDX), as far as it matters here. */
export interface Bill {
  readonly components?: readonly {
    readonly type: string;
    readonly name: string;
    readonly version?: string;
    readonly purl?: string;
  }[];
}

interface Vulnerability {
  readonly VulnerabilityID: string;
  readonly VendorIDs?: readonly string[];
  readonly PkgName: string;
  readonly InstalledVersion: string;
  readonly FixedVersion?: string;
  readonly Severity?: string;
  readonly DataSource?: { readonly ID: string };
  /** Source → how bad it is: 1 is low, 4 critical. */
  readonly VendorSeverity?: Readonly<Record<string, number>>;
}

/** `trivy sbom --format json`, as far as it matters here. */
export interface TrivyReport {
  readonly Metadata?: { readonly OS?: { readonly Family?: string; readonly Name?: string; readonly EOSL?: boolean } };
  readonly Results?: readonly { readonly Vulnerabilities?: readonly Vulnerability[] }[];
}

export interface Held {
  readonly report: TrivyReport;
  /** What Trivy wrote besides: only there it says what it did not judge. */
  readonly log: string;
}

export interface Kind {
  /** As package URLs name it: deb, pypi. */
  readonly kind: string;
  readonly count: number;
  /** Of packages of a system: its name and its version, as debian and 13.1. */
  readonly family?: string;
  readonly release?: string;
}

/** What a bill lists, by kind. */
export function kindsOf({ components = [] }: Bill): Kind[] {
  const system = components.find(({ type }) => type === "operating-system");
  const kinds = Object.groupBy(
    components.flatMap(({ purl }) => /^pkg:([^/]+)\//.exec(purl ?? "")?.[1] ?? []),
    (kind) => kind,
  );
  return Object.entries(kinds)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([kind, all]) => ({
      kind,
      count: all!.length,
      ...(system ? { family: system.name, release: system.version! } : {}),
    }));
}

/** Kind → how many. */
const counted = (kinds: readonly Kind[]): Record<string, number> =>
  Object.fromEntries(kinds.map(({ kind, count }) => [kind, count]));

/** Kinds of packages, as package URLs name them, that Trivy's own database has advisories of. */
const KINDS = "apk cargo composer deb gem golang hex maven npm nuget pub pypi rpm swift".split(" ");
/** Those that a database that is made has: as OSV calls them. */
const ECOSYSTEMS: Readonly<Record<string, string>> = { golang: "Go", maven: "Maven", npm: "npm", pypi: "PyPI" };

/** Those that are judged by the release of the system that they are of. */
const SYSTEMS = ["apk", "deb", "rpm"];
/** Trivy finds nothing in a release that it does not know, and nothing in a version that it cannot read. */
const UNKNOWN = /This OS version is not on the EOL list/;
const UNCLEAR = /Version matching error\s+err="(.*)"/g;

/** Why packages of a kind are not judged, or not by all that is known; undefined: they are. */
function gap({ kind, release = "", family }: Kind, { covered }: Database, { log }: Held): string | undefined {
  if (!KINDS.includes(kind)) return "Trivy has no advisories of that kind";
  if (SYSTEMS.includes(kind)) {
    if (family === undefined) return "the image does not say of which system it is";
    if (UNKNOWN.test(log)) return `Trivy judges by releases, and ${release} of ${family} is none that it knows`;
  }
  if (covered === undefined) return undefined;
  const major = release.split(".", 1)[0]!;
  const ecosystem = kind === "deb" && family === "debian" ? `Debian:${major}` : ECOSYSTEMS[kind];
  if (ecosystem === undefined) return "OSV entries of that kind are not taken over";
  if (ecosystem in covered.ecosystems)
    return kind === "maven" ? "archives without a pom.properties are not listed" : undefined;
  return ecosystem.startsWith("Debian:") && major in covered.suites
    ? "its security suite says what is mended, and not what is open"
    : `there are no OSV entries of ${ecosystem}`;
}

/** As Trivy counts them. */
const WORDS = ["UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL"];
/** What a database that is made keeps apart (bench/scan/entries.go). */
const SOURCES = ["ghsa", "govulndb", "osv"];

/** Of two sources that know one thing Trivy shows one, whichever comes first: it is as bad as the worse says. */
function severityOf({ Severity: word, DataSource, VendorSeverity: by = {} }: Vulnerability): Severity {
  const others = SOURCES.includes(DataSource?.ID ?? "") ? SOURCES.map((source) => by[source] ?? 0) : [];
  return WORDS[Math.max(WORDS.indexOf(word ?? ""), 0, ...others)]!.toLowerCase() as Severity;
}

const NOTHING: Held = { report: {}, log: "" };

/**
 * What Trivy found, as ours, and what it could not judge. @param database A string: why there is none.
 * @param held What Trivy said of the bill. @default nothing, without a database
 */
export function scannedOf(image: string, bill: Bill, database: Database | string, held: Held = NOTHING): Scanned {
  const kinds = kindsOf(bill);
  const gaps = kinds.map((kind) => ({
    kind,
    why: typeof database === "string" ? database : gap(kind, database, held),
  }));
  const { Results = [], Metadata } = held.report;
  const unclear = [...new Set([...held.log.matchAll(UNCLEAR)].map(([, what]) => what!))];
  const findings = new Map<string, Finding>();
  for (const { Vulnerabilities = [] } of Results)
    for (const one of Vulnerabilities)
      findings.set(`${one.VulnerabilityID} ${one.PkgName} ${one.InstalledVersion}`, {
        id: one.VulnerabilityID,
        aliases: one.VendorIDs ?? [],
        package: one.PkgName,
        version: one.InstalledVersion,
        severity: severityOf(one),
        ...(one.FixedVersion ? { fixed: one.FixedVersion } : {}),
      });
  const { OS } = Metadata ?? {};
  return {
    image,
    findings: [...findings.values()],
    listed: counted(kinds),
    judged: counted(gaps.filter(({ why }) => why === undefined).map(({ kind }) => kind)),
    unjudged: [
      // An image of one binary has no list at all. It is not the same as an image without packages.
      ...(kinds.length ? [] : ["whatever it holds, because Trivy found no list of packages in it"]),
      ...gaps.flatMap(({ kind: { kind, count }, why }) => (why === undefined ? [] : [`${kind} ${count}: ${why}`])),
      ...(unclear.length ? [`versions that cannot be compared: ${unclear.join("; ")}`] : []),
      ...(OS?.EOSL ? [`${OS.Family} ${OS.Name} is out of support: nobody says any more what is wrong with it`] : []),
    ],
  };
}
