/**
 * Who may break which rule, why, and until when: the only place. The catalogue just says what it wants
 * (`uid: 0`), so that nobody exempts a service by the same line that breaks the rule. The end makes
 * somebody ask again whether the reason holds.
 */
export interface Exemption {
  /** Name in the catalogue. */
  readonly service: string;
  /** Name of a rule. */
  readonly rule: string;
  readonly reason: string;
  /** Last day, as 2026-12-31. */
  readonly until: string;
}

export const exemptions: readonly Exemption[] = [
  {
    service: "collector",
    rule: "non-root",
    until: "2027-12-31",
    reason: "the engine's log files can be read by root only; it has none of root's capabilities",
  },
  {
    service: "collector",
    rule: "engine-access",
    until: "2027-12-31",
    reason: "reads the folder of the engine's log files, which holds no socket",
  },
  {
    service: "collector",
    rule: "bind-mounts",
    until: "2027-12-31",
    reason: "collects the log files of every container",
  },
  {
    service: "node-exporter",
    rule: "bind-mounts",
    until: "2027-12-31",
    reason: "reads the machine's cgroups, which hold counters only, to measure every container",
  },
];
