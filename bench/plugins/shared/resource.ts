/**
 * What a resource of a provider is made of, and what all of them share: names, plans and what an update would leave.
 */
import { randomBytes } from "node:crypto";
import { hasUnknown, UNKNOWN } from "./wire.ts";
import type { Json, Props } from "./wire.ts";
import { bare, DEFAULTS } from "./table.ts";
import type { Failure, Table } from "./table.ts";
import type { Changes } from "./difference.ts";

export interface Subject {
  readonly urn: string;
  readonly name: string;
  readonly log: (message: string) => void;
  readonly status: (message: string) => void;
}

export interface Naming {
  readonly mode: "disable" | "enforce" | "propose";
  readonly proposed: string;
}

export interface CheckArgs extends Subject {
  readonly olds: Props;
  readonly news: Props;
  readonly naming: Naming | undefined;
}

export interface Saved {
  readonly id: string;
  readonly outputs: Props;
}

/** Thrown when the object exists but is not what it should be: the engine stores it with its problems (A19). */
export class Unfinished extends Error {
  readonly saved: Saved;
  resource: Resource | undefined;
  constructor(message: string, saved: Saved) {
    super(message);
    this.saved = saved;
  }
}

export interface Verdict {
  readonly changes: Changes;
  /**
   * Delete the old one first, unless the program says otherwise. Only counts when something forces a replacement (2.3).
   */
  readonly deleteFirst: boolean;
}

export interface Resource {
  /** Given where the real resource is a bridged one: its stored outputs are then completed in the bridge's form. */
  readonly table?: Table;
  check(
    args: CheckArgs,
  ): { inputs: Props; failures: readonly Failure[] } | Promise<{ inputs: Props; failures: readonly Failure[] }>;
  diff(args: { olds: Props; oldInputs: Props; news: Props; ignored: readonly string[] }): Verdict;
  /** In a preview nothing may be touched: the answer is what is known already. */
  create(args: Subject & { inputs: Props; preview: boolean }): Promise<Saved>;
  /** Nothing, when the object is gone. */
  read(args: Subject & { id: string; inputs: Props; outputs: Props }): Promise<(Saved & { inputs: Props }) | undefined>;
  update?(
    args: Subject & { id: string; olds: Props; inputs: Props; changes: Changes; preview: boolean },
  ): Promise<Props>;
  delete(args: Subject & { id: string; outputs: Props }): Promise<void>;
}

const LONGEST_NAME = 255;

/** The logical name and seven hexadecimal digits, kept for as long as the resource is not replaced (2.1). */
export function autoname(inputs: Props, args: CheckArgs): { inputs: Props; failures: Failure[] } {
  if (inputs["name"] !== undefined) return { inputs, failures: [] };
  const kept = (args.olds[DEFAULTS] as Json[] | undefined)?.includes("name") === true ? args.olds["name"] : undefined;
  if (kept === undefined && args.naming?.mode === "disable") {
    return {
      inputs,
      failures: [{ property: "name", reason: "automatic naming is disabled: give the resource a name" }],
    };
  }
  const proposed =
    args.naming?.proposed || `${args.name.slice(0, LONGEST_NAME - 8)}-${randomBytes(4).toString("hex").slice(0, 7)}`;
  const defaults = [...((inputs[DEFAULTS] as Json[] | undefined) ?? []), "name"].sort() as string[];
  return { inputs: { ...inputs, name: kept ?? proposed, [DEFAULTS]: defaults }, failures: [] };
}

export const hasOwnName = (inputs: Props): boolean =>
  !((inputs[DEFAULTS] as Json[] | undefined)?.includes("name") === true);

const isUnset = (value: Json): boolean =>
  value === null ||
  value === "" ||
  value === 0 ||
  value === false ||
  (typeof value === "object" && Object.keys(value).length === 0);

/**
 * What a preview promises, and what an update leaves: the inputs, what the state knows, and "unknown" for what only the
 * engine can tell. A property that the program no longer gives keeps its value only where the engine is its author.
 */
export function planned(table: Table, inputs: Props, state: Props = {}): Props {
  const authored = Object.entries(bare(state) as Props).filter(
    ([name, value]) => table[name]?.output === true || table[name]?.computed === true || isUnset(value),
  );
  const plan: Props = { ...Object.fromEntries(authored), ...(bare(inputs) as Props) };
  for (const [name, property] of Object.entries(table)) {
    if (property.output !== true && property.computed !== true) continue;
    const missing =
      plan[name] === undefined || (plan[name] === null && property.kind === "list" && property.fields === undefined);
    if (missing) plan[name] = UNKNOWN;
  }
  return plan;
}

/** The same after the update, which tells nothing new: what was unknown stays unset. */
export const applied = (plan: Props): Props =>
  Object.fromEntries(Object.entries(plan).map(([name, value]) => [name, value === UNKNOWN ? null : value]));

/**
 * The inputs after a refresh: those that the program gave, with the values found.
 * Unknown or equal ones stay as they were.
 */
export function refreshed(inputs: Props, outputs: Props, differs: Changes): Props {
  const fresh: Props = { ...inputs };
  for (const path of differs.keys()) {
    const name = path.split(/[.[]/, 1)[0]!;
    if (name in inputs && outputs[name] !== undefined && !hasUnknown(outputs[name])) fresh[name] = outputs[name];
  }
  return fresh;
}
