/** What findings mean: critical ones fail, high ones are reported, waivers count until their last day. */
import type { Finding, Scanned } from "./types.ts";
import type { Waiver } from "./waivers.ts";

export interface Verdict {
  /** Each fails the gate. */
  readonly failures: readonly string[];
  /** Not looked at: the gate does not pass either, but nothing is known to be wrong. */
  readonly unjudged: readonly string[];
  readonly reported: readonly { readonly image: string; readonly finding: Finding }[];
  readonly waived: readonly { readonly image: string; readonly finding: Finding; readonly waiver: Waiver }[];
  /** They cover nothing of what was scanned. */
  readonly idle: readonly Waiver[];
}

/** @param today As 2026-12-31. */
export function judge(scanned: readonly Scanned[], waivers: readonly Waiver[], today: string): Verdict {
  const all = scanned.flatMap(({ image, findings }) =>
    findings.map((finding) => ({ image, finding, waiver: waivers.find((waiver) => covers(waiver, finding)) })),
  );
  const isOver = ({ until }: Waiver): boolean => until < today;
  const waived = all.flatMap(({ waiver, ...rest }) => (waiver && !isOver(waiver) ? [{ ...rest, waiver }] : []));
  const open = all.filter(({ waiver }) => !waiver || isOver(waiver));
  return {
    failures: [
      ...waivers.flatMap(problems),
      ...waivers
        .filter(isOver)
        .map(
          ({ id, package: name, until, reason }) =>
            `the waiver of ${id} in ${name} ended on ${until} (${reason}): mend it, or set a new end in scan/waivers.ts if the reason still holds`,
        ),
      ...open
        .filter(({ finding }) => finding.severity === "critical")
        .map(({ image, finding }) => `${image}: ${textOf(finding)}`),
    ],
    unjudged: scanned.flatMap(({ image, unjudged }) => unjudged.map((what) => `${image}: ${what}`)),
    reported: open
      .filter(({ finding }) => finding.severity !== "critical")
      .map(({ image, finding }) => ({ image, finding })),
    waived,
    idle: waivers.filter((waiver) => !isOver(waiver) && !all.some((one) => one.waiver === waiver)),
  };
}

/** 0: judged, nothing critical. 1: failed. 2: nothing failed, but not everything was judged. */
export const exitCode = ({ failures, unjudged }: Verdict): number => (failures.length ? 1 : unjudged.length ? 2 : 0);

export const textOf = ({ id, aliases, package: name, version, severity, fixed }: Finding): string =>
  `${id}${aliases.length ? ` (${aliases.join(", ")})` : ""}, ${severity}, in ${name} ${version}: ${fixed === undefined ? "no version without it is known" : `mended in ${fixed}`}`;

const covers = ({ id, package: name }: Waiver, finding: Finding): boolean =>
  finding.package === name && [finding.id, ...finding.aliases].includes(id);

/** A waiver without an end would be one for ever. */
function problems(waiver: Waiver): string[] {
  const { id, package: name, reason, until } = waiver;
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(until) && !Number.isNaN(Date.parse(until));
  return [
    ...(id && name && reason.trim()
      ? []
      : [`a waiver in scan/waivers.ts lacks its id, package or reason: ${JSON.stringify(waiver)}`]),
    ...(isDay ? [] : [`the waiver of ${id} in ${name} ends on "${until}": a day such as 2026-12-31 is needed`]),
  ];
}
