/** What is known against an image. */

export type Severity = "critical" | "high" | "medium" | "low" | "unknown";

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
  /** Its bill of materials. @default there is none, because it could not be listed */
  readonly bill?: string;
  /** How many packages of which kind it lists. */
  readonly listed: Readonly<Record<string, number>>;
  /** The same, of those that were held against a database that knows of their kind. */
  readonly judged: Readonly<Record<string, number>>;
  /** What was not, and why: the gate does not pass on it. */
  readonly unjudged: readonly string[];
}

/** What a database that is made can judge: bench/scan/database.go, which makes it, prints it. */
export interface Covered {
  /** OSV entries that were read. */
  readonly entries: number;
  /** Day of the newest of them; empty without any. */
  readonly newest: string;
  /** Ecosystem as OSV writes it (PyPI, Debian:13) → entries that speak of it. */
  readonly ecosystems: Readonly<Record<string, number>>;
  /** Debian's release → packages that its security suite has. */
  readonly suites: Readonly<Record<string, number>>;
  /** Entries that could not be taken over, and why. */
  readonly skipped: readonly string[];
}

/** What images are judged by. */
export interface Database {
  /** For the report. */
  readonly what: string;
  /** What Trivy is told of it. */
  readonly flags: readonly string[];
  /** Absent: Trivy's own. */
  readonly covered?: Covered;
}
