/** What a preview announces, and what an up does: by the CLI's own account, and by the engine's events. */
import assert from "node:assert/strict";
import { isChange, subjectOf } from "../../bin/steps.ts";
import { prefix } from "../../plan/names.ts";
import { Events } from "./engine.ts";
import { docker, good } from "./command.ts";
import type { Project } from "./project.ts";

/** `operation kind name`, without operations that change nothing. */
export type Steps = ReadonlySet<string>;

interface Told {
  readonly op: string;
  readonly urn: string;
}
const stepsOf = (all: readonly Told[]): Steps =>
  new Set(
    all
      .filter(({ op }) => isChange(op))
      .map(({ op, urn }) => {
        const { kind, name } = subjectOf(urn);
        return `${op} ${kind} ${name}`;
      }),
  );
export const sorted = (steps: Iterable<string>): string[] => [...steps].sort();

export async function announced(project: Project): Promise<Steps> {
  const { output } = await good(project.preview("--json"));
  const json = output.slice(output.search(/^\{/m), output.lastIndexOf("\n}") + 2);
  return stepsOf((JSON.parse(json) as { steps?: readonly Told[] }).steps ?? []);
}

export interface Done {
  readonly steps: Steps;
  /** `made container api-1`, `removed volume api-files`. */
  readonly engine: Steps;
}

/** An up, as the CLI tells it step by step, and as the engine saw it. */
export async function applied(project: Project): Promise<Done> {
  let told: Steps = new Set();
  const engine = await seen(project, async () => {
    const { output } = await good(project.pulumi("up", "--json", "--yes", "--skip-preview", "--stack", project.stack));
    const events = output.split("\n").filter((line) => line.startsWith('{"sequence"'));
    told = stepsOf(
      events.flatMap((line) => {
        const { resOutputsEvent } = JSON.parse(line) as { resOutputsEvent?: { metadata: Told } };
        return resOutputsEvent ? [resOutputsEvent.metadata] : [];
      }),
    );
  });
  return { steps: told, engine };
}

const FORMAT = "{{.Type}} {{.Action}} {{.Actor.ID}} {{.Actor.Attributes.name}}";
const VERBS: Readonly<Record<string, string>> = { create: "made", destroy: "removed" };

/** What the engine made and removed of a stack while something was done. */
export async function seen(project: Project, work: () => Promise<unknown>): Promise<Steps> {
  const { system, stack } = project.plan();
  const before = new Set((await docker("volume", "ls", "--quiet")).split("\n"));
  const lines = await Events.during(work, FORMAT, "event=create", "event=destroy");
  const events = lines.map((line) => line.split(" ") as [string, string, string, string]);
  const removed = new Set(
    events.filter(([kind, action]) => kind === "volume" && action === "destroy").map(([, , id]) => id),
  );
  return new Set(
    events.flatMap(([kind, action, id, attribute]) => {
      const name = kind === "volume" ? id : attribute;
      const verb = VERBS[action];
      // The engine tells of a volume's creation whenever a container mounts it.
      if (kind === "volume" && action === "create" && before.has(name) && !removed.has(name)) return [];
      if (verb === undefined || !isObject(kind) || !name.startsWith(`${prefix(system, stack)}-`)) return [];
      // A trial is no part of the stack, and gone before the change that it is about begins.
      if (name.endsWith("-rehearsal")) return [];
      return [`${verb} ${kind} ${logical(name)}`];
    }),
  );
}

/** Everything that happened to a stack's objects on the engine while something was done, but for health checks. */
export async function happened({ stack }: Project, work: () => Promise<unknown>): Promise<string[]> {
  const checks = / exec_(create|start|die)|health_status/;
  return (await Events.during(work, FORMAT)).filter((line) => line.includes(stack) && !checks.test(line));
}

const isObject = (kind: string): boolean => ["container", "network", "volume"].includes(kind);
/** A name without what the provider adds to it. */
const logical = (name: string): string => name.replace(/-[0-9a-f]{7}$/, "");

/** Objects of a stack in the words of `Project.objects`, without what the provider adds to their names. */
export const plainly = (objects: readonly string[]): string[] => sorted(new Set(objects.map(logical)));
/** Objects that there are when these steps were done on nothing. */
export const madeBy = (steps: Steps): string[] =>
  sorted(
    [...steps]
      .map((step) => step.split(" ") as [string, string, string])
      .filter(([op, kind]) => op === "create" && isObject(kind))
      .map(([, kind, name]) => `${kind} ${name}`),
  );

/** What the engine has to see when these steps are done. */
const expectedOf = (steps: Steps): Steps =>
  new Set(
    [...steps].flatMap((step) => {
      const [op, kind, name] = step.split(" ") as [string, string, string];
      if (!isObject(kind)) return [];
      return [
        ...(op === "create" || op === "replace" ? [`made ${kind} ${name}`] : []),
        ...(op === "delete" || op === "replace" ? [`removed ${kind} ${name}`] : []),
      ];
    }),
  );

/** Steps of several changes in one up: what is deleted is not replaced, and what is replaced is not updated. */
export function union(all: readonly Steps[]): Steps {
  const steps = new Set(all.flatMap((one) => [...one]));
  for (const [weaker, stronger] of [
    ["update", ["replace", "delete"]],
    ["replace", ["delete"]],
  ] as const)
    for (const one of steps)
      if (one.startsWith(`${weaker} `) && stronger.some((op) => steps.has(one.replace(weaker, op)))) steps.delete(one);
  return steps;
}

/** @throws {Error} where an up did anything else than what was announced. */
export function agrees(told: Steps, done: Done): void {
  assert.deepEqual(sorted(done.steps), sorted(told), "what the up did is not what the preview announced");
  assert.deepEqual(
    sorted(done.engine),
    sorted(expectedOf(told)),
    "what the engine saw is not what the preview announced",
  );
}
