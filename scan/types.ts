/** What is found in an image, and what is known against it. */

export type Ecosystem = "Debian" | "PyPI" | "npm";

/** A package that an image holds. */
export interface Package {
  readonly ecosystem: Ecosystem;
  readonly name: string;
  readonly version: string;
  /** Debian: what it was built from, which is what the security team speaks of. */
  readonly source?: { readonly name: string; readonly version: string };
  readonly arch?: string;
}

/** Everything that a scan reads of an image. */
export interface Inventory {
  readonly packages: readonly Package[];
  /** Debian's release, as 12; absent: not Debian, or one without a number (sid), of which no database tells. */
  readonly release?: string;
  /** What is there and cannot be listed, in the reader's words. */
  readonly unread: readonly string[];
}

export const severities = ["critical", "high", "medium", "low", "unknown"] as const;
export type Severity = (typeof severities)[number];

export interface Finding {
  readonly id: string;
  /** Other names of the same, such as the CVE's. */
  readonly aliases: readonly string[];
  readonly package: string;
  readonly version: string;
  readonly severity: Severity;
  /** First version without it, if there is one. */
  readonly fixed?: string;
}

/** What a scan tells of one image. */
export interface Scanned {
  readonly image: string;
  readonly findings: readonly Finding[];
  /** How many packages of which kind were held against a database. */
  readonly judged: Readonly<Record<string, number>>;
  /** What was not, and why: the gate does not pass on it. */
  readonly unjudged: readonly string[];
}
