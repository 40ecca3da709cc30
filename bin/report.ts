/** A preview to what a reviewer reads, in Markdown. Pure: bin/preview.ts runs the preview. */
import { inOrder } from "../plan/order.ts";
import { differenceOf } from "./difference.ts";
import {
  type Change,
  CHANGES,
  isReal,
  type Preview,
  type PreviewStep,
  reasonsOf,
  type StepState,
  subjectOf,
  tierOf,
} from "./steps.ts";

const TIERS: readonly string[] = ["data", "app", "edge", "monitoring"];
/** Networks, volumes, images, secrets: what belongs to no service alone. */
const REST = "the rest";
const CONTAINER = "docker:index/container:Container";
const VOLUME = "docker:index/volume:Volume";

type Step = PreviewStep & { readonly op: Change };

const isOf = (type: string, { urn }: PreviewStep): boolean => urn.split("::")[2]!.split("$").at(-1) === type;
const tier = ({ urn }: PreviewStep): string => tierOf(urn) ?? REST;
const stateOf = ({ oldState, newState }: PreviewStep): StepState => oldState ?? newState ?? {};

/**
 * One that stops before the next one starts has its logical name on the engine
 * (components/workload.ts); others get a suffix.
 */
const isStateful = (step: PreviewStep): boolean =>
  isOf(CONTAINER, step) && stateOf(step).inputs?.["name"] === subjectOf(step.urn).name;

const holdsData = (step: PreviewStep): boolean =>
  isOf(VOLUME, step) &&
  ((stateOf(step).inputs?.["labels"] ?? []) as readonly { label: string; value: string }[]).some(
    ({ label, value }) => label === "berth.keep" && value === "data",
  );

/** Files of a service are a volume, and a container that carries them in and never starts: one thing to a reviewer. */
const isFiles = (step: PreviewStep): boolean =>
  tierOf(step.urn) !== undefined && (isOf(VOLUME, step) || stateOf(step).inputs?.["start"] === false);

interface Entry {
  readonly tier: string;
  readonly kind: string;
  readonly names: readonly string[];
  readonly reasons: readonly string[];
}

/** The section of one stack. */
export function report(stack: string, { steps = [], diagnostics = [] }: Preview): string {
  const real = steps.filter((step): step is Step => isReal(step));
  const title = [`## Stack \`${stack}\``, ...advice(diagnostics)].join("\n\n");
  if (real.length === 0) return `${title}\n\nNothing changes.\n`;
  const of = (op: Change) => entries(real.filter((step) => step.op === op));
  return (
    [
      title,
      table(real),
      ...warnings(real),
      list("Replaced, and why", of("replace")),
      list("Updated in place", of("update")),
      list("Created", of("create"), false),
      list("Deleted", of("delete"), false),
    ]
      .filter(Boolean)
      .join("\n\n") + "\n"
  );
}

/** What the program warns of, which is in the form of config/problems.ts; not what the CLI says about itself. */
const advice = (diagnostics: NonNullable<Preview["diagnostics"]>): string[] =>
  diagnostics
    .filter(({ severity, message }) => severity === "warning" && /^ {4}fix: {5}/m.test(message))
    .map(({ message }) => `> [!WARNING]\n${fenced(message.replace(/^warning: /, "")).replaceAll(/^/gm, "> ")}`);

const fenced = (text: string): string => `~~~text\n${text.trim().replaceAll("~~~", "---")}\n~~~`;

/** The section of a stack whose preview failed. */
export const failure = (stack: string, error: string): string =>
  `## Stack \`${stack}\`\n\n> [!CAUTION]\n> The preview failed: nothing can be said about this stack.\n\n${fenced(error)}\n`;

function table(steps: readonly Step[]): string {
  const count = (name: string | undefined, op: Change) =>
    String(steps.filter((step) => step.op === op && (name === undefined || tier(step) === name)).length);
  const row = (title: string, name?: string) => `| ${[title, ...CHANGES.map((op) => count(name, op))].join(" | ")} |`;
  return [
    `| tier | ${CHANGES.join(" | ")} |`,
    "|:--|--:|--:|--:|--:|",
    ...TIERS.map((name) => row(name, name)),
    row(`${REST}: networks, volumes, images, secrets`, REST),
    row("**all**"),
  ].join("\n");
}

/** What a person must not overlook: databases that stop, data that goes, a system that nobody reaches. */
function warnings(steps: readonly Step[]): string[] {
  const ends = steps.filter(({ op }) => op === "replace" || op === "delete");
  const until = ({ op }: Step) => (op === "replace" ? "until the new one is healthy" : "for good");
  const name = ({ urn }: Step) => `\`${subjectOf(urn).name}\``;
  const data = [
    ...ends
      .filter((step) => isStateful(step) && tier(step) === "data")
      .map((step) => `**${name(step)} stops**, ${until(step)}: what needs it fails meanwhile.`),
    ...ends
      .filter(holdsData)
      .map((step) =>
        stateOf(step).retainOnDelete
          ? `Data volume ${name(step)} is **let go of**: it stays on the engine, no longer known to the stack.`
          : `**Data volume ${name(step)} is deleted**, with all that is on it.`,
      ),
  ];
  const edge = ends
    .filter((step) => isStateful(step) && tier(step) === "edge")
    .map((step) => `${name(step)} stops, ${until(step)}: nobody reaches the system meanwhile.`);
  const alert = (kind: string, lines: readonly string[]) =>
    lines.length ? [[`> [!${kind}]`, ...lines.map((line) => `> - ${line}`)].join("\n")] : [];
  return [...alert("WARNING", data), ...alert("NOTE", edge)];
}

/**
 * Steps as a reviewer thinks of them: sets of files as one, those with the same
 * reasons together, in the order of the tiers.
 */
function entries(steps: readonly Step[]): Entry[] {
  const sets = Map.groupBy(steps.filter(isFiles), ({ urn }) => subjectOf(urn).name.replace(/-seed$/, ""));
  const single = [
    ...steps
      .filter((step) => !isFiles(step))
      .map((step) => ({ tier: tier(step), ...subjectOf(step.urn), reasons: reasonLines(step) })),
    ...[...sets].map(([name, of]) => ({ tier: tier(of[0]!), kind: "files", name, reasons: filesReasons(of) })),
  ];
  const grouped = Map.groupBy(single, (entry) => JSON.stringify([entry.tier, entry.kind, entry.reasons]));
  const rank = (name: string) => [...TIERS, REST].indexOf(name);
  return [...grouped.values()]
    .map((all) => ({ ...all[0]!, names: all.map(({ name }) => name).sort() }))
    .sort((a, b) => rank(a.tier) - rank(b.tier) || inOrder(a.kind, b.kind) || inOrder(a.names[0]!, b.names[0]!));
}

/** The container that carries files in follows its volume, and both follow the content. */
function filesReasons(steps: readonly Step[]): string[] {
  if (steps.some((step) => isOf(VOLUME, step) && reasonsOf(step).includes("labels"))) return ["other content"];
  return [...new Set(steps.flatMap(reasonLines))];
}

/** Those properties alone that force the replacement, where the provider tells them apart. */
function reasonLines(step: Step): string[] {
  const { detailedDiff, oldState, newState, op } = step;
  if (op === "create" || op === "delete") return [];
  const all = Object.entries(detailedDiff ?? {});
  const forcing = all.filter(([, { kind }]) => kind.endsWith("-replace"));
  // Inside a list positions shift: the list is compared as a whole.
  const paths = (op === "replace" && forcing.length ? forcing : all).map(([path]) => path.split(/[.[]/, 1)[0]!);
  const names = [...new Set([...paths, ...(paths.length ? [] : reasonsOf(step))])].sort();
  return names.flatMap((name) => {
    const inputs = differenceOf(name, oldState?.inputs?.[name], newState?.inputs?.[name]);
    // Where the inputs agree, what was found on the engine differs from them.
    const lines = inputs.length ? inputs : differenceOf(name, oldState?.outputs?.[name], newState?.inputs?.[name]);
    return lines.length ? lines : [name === "#initerror" ? "the last attempt did not get healthy" : name];
  });
}

function list(title: string, all: readonly Entry[], reasons = true): string {
  if (all.length === 0) return "";
  const lines = all.flatMap((entry) => [
    `- ${entry.tier}: ${entry.kind} ${entry.names.map((name) => `\`${name}\``).join(", ")}`,
    ...(reasons
      ? (entry.reasons.length ? entry.reasons : ["no reason was given"]).map((reason) => `  - ${reason}`)
      : []),
  ]);
  return `### ${title}\n\n${lines.join("\n")}`;
}
