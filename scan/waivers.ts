/**
 * Findings that are known and accepted for a time, the only place: what does not reach us, or has no remedy yet and is
 * guarded against otherwise. After its last day a waiver fails the gate, so that somebody asks again.
 */
export interface Waiver {
  /** Id of the finding, or one of its other names: CVE-2026-0001. */
  readonly id: string;
  /** As the report names it. */
  readonly package: string;
  /** Why it does no harm here, or what stands against it. */
  readonly reason: string;
  /** Last day, as 2026-12-31. */
  readonly until: string;
}

export const waivers: readonly Waiver[] = [];
