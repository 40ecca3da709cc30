/**
 * A resource's properties as a table, and what follows from the table alone: checked inputs with their defaults.
 * The real provider bridges a Terraform one, so the words are Terraform's: `computed` means that the engine may fill
 * the property in when the program leaves it out, `set` that order does not count.
 */
import { isObject, str, UNKNOWN } from "./wire.ts";
import type { Json, Props } from "./wire.ts";

export type Kind = "string" | "int" | "bool" | "list" | "set" | "map" | "object";

export interface Property {
  readonly kind: Kind;
  readonly required?: boolean;
  /**
   * A change replaces the resource. On a block it is about its presence or its count: the fields carry their own mark.
   */
  readonly replace?: boolean;
  readonly computed?: boolean;
  /** Never an input. */
  readonly output?: boolean;
  /**
   * A block that is a set of one element underneath, and behaves like a set where that matters (see `settleCreated`).
   */
  readonly setOfOne?: boolean;
  readonly fallback?: Json;
  /** The fields, when the elements (or the property itself) are objects. Without them elements are scalars. */
  readonly fields?: Table;
  /** What is wrong with a value, in the words of the person, or nothing. */
  readonly problem?: (value: Json) => string | undefined;
  /** Says that a difference does not count. */
  readonly same?: (old: Json, fresh: Json) => boolean;
}

export type Table = { readonly [name: string]: Property };

type Flags = Omit<Property, "kind" | "fields">;
const make =
  (kind: Kind) =>
  (flags: Flags = {}): Property => ({ kind, ...flags });
export const text = make("string");
export const int = make("int");
export const bool = make("bool");
export const map = make("map");
export const list = (flags: Flags = {}, fields?: Table): Property => ({
  kind: "list",
  ...flags,
  ...(fields && { fields }),
});
export const set = (flags: Flags = {}, fields?: Table): Property => ({
  kind: "set",
  ...flags,
  ...(fields && { fields }),
});
export const block = (flags: Flags, fields: Table): Property => ({ kind: "object", ...flags, fields });

export const pattern = (expression: RegExp) => (value: Json) =>
  expression.test(str(value)) ? undefined : `is ${JSON.stringify(value)}, but must match ${expression.source}`;
export const atLeast = (least: number) => (value: Json) =>
  Number(value) >= least ? undefined : `is ${str(value)}, but must be at least ${least}`;

/** The names of the properties that were not the program's choice. The bridge keeps them, so that autonames survive. */
export const DEFAULTS = "__defaults";

export interface Failure {
  readonly property: string;
  readonly reason: string;
}

export interface Checked {
  readonly inputs: Props;
  readonly failures: readonly Failure[];
}

function coerce(kind: Kind, value: Json): Json {
  if (value === UNKNOWN) return value;
  if (kind === "string" && typeof value !== "string") return str(value);
  if (kind === "int" && typeof value === "string" && /^-?\d+$/.test(value)) return Number(value);
  if (kind === "bool" && typeof value === "string" && /^(true|false)$/.test(value)) return value === "true";
  return value;
}

const SHAPES: Record<Kind, (value: Json) => boolean> = {
  string: (value) => typeof value === "string",
  int: (value) => typeof value === "number",
  bool: (value) => typeof value === "boolean",
  list: Array.isArray,
  set: Array.isArray,
  map: isObject,
  object: isObject,
};

function checkValue(property: Property, raw: Json, path: string, failures: Failure[]): Json {
  const value = coerce(property.kind, raw);
  if (value === UNKNOWN) return value;
  if (!SHAPES[property.kind](value)) {
    failures.push({
      property: path,
      reason: `expected ${property.kind}, got ${Array.isArray(value) ? "list" : typeof value}`,
    });
    return value;
  }
  const problem = property.problem?.(value);
  if (problem !== undefined) failures.push({ property: path, reason: `${path} ${problem}` });
  if (property.fields === undefined) return value;
  if (Array.isArray(value)) {
    return value.map((element, index) => checkObject(property.fields!, element, `${path}[${index}]`, failures));
  }
  return checkObject(property.fields, value, path, failures);
}

function checkObject(table: Table, value: Json, path: string, failures: Failure[]): Json {
  return isObject(value) ? checkProps(table, value, path === "" ? "" : `${path}.`, failures) : value;
}

function checkProps(table: Table, news: Props, prefix: string, failures: Failure[]): Props {
  const inputs: Props = {};
  const defaults: string[] = [];
  for (const [name, property] of Object.entries(table)) {
    const given = news[name];
    if (property.output === true) continue;
    if (given !== undefined && given !== null) {
      inputs[name] = checkValue(property, given, prefix + name, failures);
    } else if (property.fallback !== undefined && property.fallback !== null) {
      // The bridge leaves a zero default out of the inputs: no value and zero are one to it.
      if (property.fallback === 0 || property.fallback === false || property.fallback === "") continue;
      inputs[name] = property.fallback;
      defaults.push(name);
    } else if (property.required === true) {
      failures.push({ property: prefix + name, reason: `Missing required property '${prefix}${name}'` });
    }
  }
  return { ...inputs, [DEFAULTS]: defaults.sort() };
}

/** The inputs with defaults filled in, and every problem at once. */
export function check(table: Table, news: Props): Checked {
  const failures: Failure[] = [];
  return { inputs: checkProps(table, news, "", failures), failures };
}

/** Takes the bookkeeping of defaults out, at any depth: outputs and comparisons have no use for it. */
export function bare(value: Json): Json {
  if (Array.isArray(value)) return value.map(bare);
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== DEFAULTS)
      .map(([key, inner]) => [key, bare(inner)]),
  );
}

/**
 * What an unset property is in the state: its default, an empty list for blocks and for
 * sets that the engine fills, otherwise null.
 */
function unset(property: Property, nested: boolean): Json {
  if (property.fallback !== undefined) return property.fallback;
  const { kind, fields, computed } = property;
  if (kind === "list") return fields !== undefined || nested ? [] : null;
  if (kind === "set") return fields !== undefined || computed === true || nested ? [] : null;
  if (kind === "map") return computed === true || nested ? {} : null;
  return kind === "string" && nested ? "" : null;
}

const isEmpty = (value: Json): boolean =>
  typeof value === "object" && value !== null && Object.keys(value).length === 0;

/** Outputs in the form in which the real provider stores them: every property is there, set or not. */
export function complete(table: Table, outputs: Props, nested = false): Props {
  const full: Props = { ...outputs };
  for (const [name, property] of Object.entries(table)) {
    const value = outputs[name];
    if (value === undefined || value === null || (isEmpty(value) && property.computed !== true))
      full[name] = unset(property, nested);
    else if (property.fields === undefined) continue;
    else if (Array.isArray(value))
      full[name] = value.map((element) => (isObject(element) ? complete(property.fields!, element, true) : element));
    else if (isObject(value)) full[name] = complete(property.fields, value, true);
  }
  return full;
}
