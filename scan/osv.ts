/** Holds packages against a database in the OSV format (ossf.github.io/osv-schema). Pure: scan/database.ts reads it. */
import { compare } from "./versions.ts";
import { ofVector, ofWord, worst } from "./severity.ts";
import type { Finding, Inventory, Package, Severity } from "./types.ts";

type Event = { readonly introduced?: string; readonly fixed?: string; readonly last_affected?: string };
interface Vector {
  readonly type: string;
  readonly score: string;
}

export interface Affected {
  readonly package?: { readonly ecosystem: string; readonly name: string };
  readonly ranges?: readonly { readonly type: string; readonly events: readonly Event[] }[];
  readonly versions?: readonly string[];
  readonly severity?: readonly Vector[];
  readonly ecosystem_specific?: { readonly urgency?: string } | null;
}

export interface Entry {
  readonly id: string;
  readonly modified?: string;
  readonly withdrawn?: string;
  readonly aliases?: readonly string[];
  /** What a distribution's entry is made of. */
  readonly upstream?: readonly string[];
  readonly severity?: readonly Vector[];
  readonly database_specific?: { readonly severity?: string } | null;
  readonly affected?: readonly Affected[];
}

/** Name of a package's ecosystem in the database; undefined: no database has it. */
export const ecosystemOf = ({ ecosystem }: Package, { release }: Inventory): string | undefined =>
  ecosystem === "Debian" ? release && `Debian:${release}` : ecosystem;

/** What is known of one package. Debian's entries speak of sources. */
const subject = (found: Package): { name: string; version: string } => found.source ?? found;

/** Key of an entry's package, and of an installed one. */
export const keyOf = (ecosystem: string, name: string): string =>
  `${ecosystem} ${ecosystem === "PyPI" ? name.toLowerCase().replaceAll(/[-_.]+/g, "-") : name}`;
export const keysOf = (inventory: Inventory): string[] =>
  inventory.packages.flatMap((found) => {
    const ecosystem = ecosystemOf(found, inventory);
    return ecosystem === undefined ? [] : [keyOf(ecosystem, subject(found).name)];
  });

export interface Matches {
  readonly findings: readonly Finding[];
  /** Comparisons that could not be made. */
  readonly unclear: readonly string[];
}

/** @param known Entries by the keys of the packages that they speak of. */
export function match(inventory: Inventory, known: ReadonlyMap<string, readonly Entry[]>): Matches {
  const [findings, unclear] = [new Map<string, Finding>(), new Set<string>()];
  for (const found of inventory.packages) {
    const [ecosystem, { name, version }] = [ecosystemOf(found, inventory), subject(found)];
    if (ecosystem === undefined) continue;
    for (const entry of known.get(keyOf(ecosystem, name)) ?? []) {
      if (entry.withdrawn !== undefined) continue;
      const places = (entry.affected ?? []).filter(
        (one) => one.package && keyOf(one.package.ecosystem, one.package.name) === keyOf(ecosystem, name),
      );
      const hits = places.map((place) => ({ place, ...isAffected(found, version, place) }));
      const hit = hits.find(({ affected }) => affected);
      if (hit)
        findings.set(`${entry.id} ${ecosystem} ${name} ${version}`, {
          id: entry.id,
          aliases: [...(entry.aliases ?? []), ...(entry.upstream ?? [])],
          package: name,
          version,
          severity: severityOf(entry, hit.place),
          ...(hit.fixed === undefined ? {} : { fixed: hit.fixed }),
        });
      else if (hits.some(({ affected }) => affected === undefined))
        unclear.add(`${name} ${version} against ${entry.id}`);
    }
  }
  return { findings: merged([...findings.values()]), unclear: [...unclear] };
}

interface Hit {
  readonly affected: boolean | undefined;
  readonly fixed?: string;
}

/** As the format's specification evaluates it: named versions, else ranges of ordered events. */
function isAffected({ ecosystem }: Package, version: string, { versions = [], ranges = [] }: Affected): Hit {
  const order = (a: string, b: string): number | undefined =>
    a === b ? 0 : a === "0" ? -1 : b === "0" ? 1 : compare(ecosystem, a, b);
  let clear = true;
  for (const { type, events } of ranges) {
    if (type === "GIT") continue;
    const marks = events
      .flatMap((event) => Object.entries(event) as [keyof Event, string][])
      .map(([kind, at]) => ({ kind, at, position: order(version, at) }));
    if (marks.some(({ position }) => position === undefined)) {
      clear = false;
      continue;
    }
    marks.sort((a, b) => order(a.at, b.at)! || Number(a.kind === "introduced") - Number(b.kind === "introduced"));
    let affected = false;
    for (const { kind, position } of marks) {
      if (kind === "introduced" && position! >= 0) affected = true;
      if (kind === "fixed" && position! >= 0) affected = false;
      if (kind === "last_affected" && position! > 0) affected = false;
    }
    const fixed = marks.find(({ kind, position }) => kind === "fixed" && position! < 0)?.at;
    if (affected) return { affected, ...(fixed === undefined ? {} : { fixed }) };
  }
  // Ranges come first because they know the remedy; a version that is named needs none of them.
  return {
    affected:
      versions.some((one) => one === version || compare(ecosystem, one, version) === 0) || (clear ? false : undefined),
  };
}

/** The worst that anybody says, but for what Debian's security team finds to be no matter of security. */
function severityOf(
  { id, severity = [], database_specific: database }: Entry,
  { severity: own = [], ecosystem_specific: place }: Affected,
): Severity {
  if (place?.urgency === "unimportant") return "low";
  // Entries for malicious packages have no score: nothing about them is conditional.
  if (id.startsWith("MAL-")) return "critical";
  return worst([ofWord(database?.severity), ...[...severity, ...own].map(({ score }) => ofVector(score))]);
}

/** Two databases know one thing under two names: it is one finding, as bad as the worse says. */
function merged(findings: readonly Finding[]): Finding[] {
  const groups: Finding[] = [];
  for (const finding of findings) {
    const names = [finding.id, ...finding.aliases];
    const at = groups.findIndex(
      (one) =>
        one.package === finding.package &&
        one.version === finding.version &&
        [one.id, ...one.aliases].some((name) => names.includes(name)),
    );
    const same = groups[at];
    if (!same) {
      groups.push(finding);
      continue;
    }
    const fixed = same.fixed ?? finding.fixed;
    groups[at] = {
      ...same,
      severity: worst([same.severity, finding.severity]),
      ...(fixed === undefined ? {} : { fixed }),
      aliases: [...new Set([...same.aliases, ...names])].filter((name) => name !== same.id),
    };
  }
  return groups;
}
