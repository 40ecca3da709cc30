/** What a scan found, in Markdown: for a terminal, and for the summary of a workflow. */
import { exitCode, type Verdict } from "./gate.ts";
import type { Scanned } from "./types.ts";

const VERDICTS = [
  "**The gate passes**: nothing critical.",
  "**The gate fails.**",
  "**The gate does not pass**: nothing critical in what was judged, but not everything was.",
];
const NOTHING = "**The gate does not pass**: nothing was judged in full.";
const list = (title: string, lines: readonly string[]): string[] =>
  lines.length ? [`## ${title}`, lines.map((line) => `- ${line}`).join("\n")] : [];
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => "---"), ...rows]
    .map((row) => `| ${row.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`)
    .join("\n");
const counts = (by: Readonly<Record<string, number>>): string =>
  Object.entries(by)
    .sort()
    .map(([kind, count]) => `${kind} ${count}`)
    .join(", ");

/** @param judge What judged: a scanner and its database. @param support Of lines that end (support.ts). */
export function report(
  title: string,
  judge: string,
  verdict: Verdict,
  scanned: readonly Scanned[],
  support: readonly string[] = [],
): string {
  const { failures, unjudged, reported, waived, idle } = verdict;
  return [
    `# ${title}`,
    scanned.every(({ judged }) => Object.keys(judged).length === 0) && failures.length === 0
      ? NOTHING
      : VERDICTS[exitCode(verdict)]!,
    `Judged by ${judge}.`,
    ...list("Fails", failures),
    ...list("Not judged", unjudged),
    ...list("Support that is over, or ends soon", support),
    ...(reported.length
      ? [
          "## Reported",
          table(
            ["image", "finding", "severity", "package", "mended in"],
            reported.map(({ image, finding: { id, aliases, severity, package: name, version, fixed = "–" } }) => [
              image,
              [id, ...aliases].join(" "),
              severity,
              `${name} ${version}`,
              fixed,
            ]),
          ),
        ]
      : []),
    ...list(
      "Waived",
      waived.map(
        ({ image, finding: { id, package: name }, waiver: { until, reason } }) =>
          `${image}: ${id} in ${name} until ${until}: ${reason}`,
      ),
    ),
    ...list(
      "Waivers that cover nothing here",
      idle.map(({ id, package: name }) => `${id} in ${name}`),
    ),
    "## Images",
    table(
      ["image", "listed", "judged", "bill of materials"],
      scanned.map(({ image, listed, judged, bill = "–" }) => [
        image,
        counts(listed) || "nothing",
        counts(judged) || "nothing",
        bill,
      ]),
    ),
  ].join("\n\n");
}
