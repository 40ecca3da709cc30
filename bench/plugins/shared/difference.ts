/**
 * What changed between the state and the inputs, and what the change costs: an update in place or a replacement.
 * Pure, and driven by the table. The rules are those of the Terraform SDK under the real provider, with their surprises
 * (docs/provider.md 2.8 and 2.9), because the program must be proven against them.
 */
import { hasUnknown, isObject, UNKNOWN } from "./wire.ts";
import type { Json, Props } from "./wire.ts";
import { bare } from "./table.ts";
import type { Property, Table } from "./table.ts";

export interface Change {
  readonly kind: "add" | "delete" | "update";
  readonly replace: boolean;
}

/** Property path → change. Paths inside sets stop at the set: its elements have no stable position. */
export type Changes = Map<string, Change>;

/** Unset, for Terraform: a zero value and no value are one. */
const isZero = (value: Json | undefined): boolean =>
  value === undefined || value === null || value === "" || value === 0 || value === false || isEmpty(value);
const isEmpty = (value: Json): boolean =>
  Array.isArray(value) ? value.length === 0 : isObject(value) && Object.keys(value).length === 0;

/** One text per value, the same for values that Terraform holds equal: zero fields left out, sets and keys sorted. */
export function canonical(property: Property, value: Json | undefined): string {
  if (isZero(value)) return "";
  if (Array.isArray(value)) {
    const elements = value.map((element) => canonicalElement(property, element));
    return JSON.stringify(property.kind === "set" ? elements.sort() : elements);
  }
  return canonicalElement(property, value as Json);
}

function canonicalElement(property: Property, value: Json): string {
  if (!isObject(value)) return JSON.stringify(value);
  const parts = Object.keys(value)
    .sort()
    .map((key) => [key, canonical(property.fields?.[key] ?? { kind: "map" }, value[key])])
    .filter(([, part]) => part !== "");
  return JSON.stringify(parts);
}

const isNothing = (value: Json | undefined): boolean => value === undefined || value === null || isEmpty(value);
const kindOf = (old: Json | undefined, fresh: Json | undefined): Change["kind"] =>
  isNothing(old) ? "add" : isNothing(fresh) ? "delete" : "update";

/** Does an element that came or went carry a field that forces a replacement? */
function forces(fields: Table, element: Json): boolean {
  if (!isObject(element)) return false;
  return Object.entries(fields).some(([name, property]) => {
    const value = element[name];
    if (isZero(value)) return false;
    if (property.replace === true) return true;
    return property.fields !== undefined && [value].flat().some((inner) => forces(property.fields!, inner as Json));
  });
}

function diffElements(property: Property, old: Json[], fresh: Json[], path: string, changes: Changes): void {
  const key = (element: Json): string => canonicalElement(property, element);
  const [before, after] = [new Set(old.map(key)), new Set(fresh.map(key))];
  const moved = [
    ...fresh.filter((element) => !before.has(key(element))),
    ...old.filter((element) => !after.has(key(element))),
  ];
  if (moved.length === 0 && before.size === after.size) return;
  const counted = property.replace === true && before.size !== after.size;
  const replace =
    property.fields === undefined
      ? property.replace === true
      : counted || moved.some((element) => forces(property.fields!, element));
  changes.set(path, { kind: kindOf(old, fresh), replace });
}

function diffList(property: Property, old: Json[], fresh: Json[], path: string, changes: Changes): void {
  if (old.length !== fresh.length) {
    changes.set(path, { kind: kindOf(old, fresh), replace: property.replace === true });
    return;
  }
  fresh.forEach((element, index) => {
    const [inner, was] = [`${path}[${index}]`, old[index] ?? null];
    if (property.fields !== undefined && isObject(element) && isObject(was))
      diffProps(property.fields, was, element, `${inner}.`, changes);
    else if (JSON.stringify(was) !== JSON.stringify(element))
      changes.set(inner, { kind: "update", replace: property.replace === true });
  });
}

function diffMap(property: Property, old: Props, fresh: Props, path: string, changes: Changes): void {
  for (const name of new Set([...Object.keys(old), ...Object.keys(fresh)])) {
    if (old[name] === fresh[name]) continue;
    const kind = !(name in old) ? "add" : !(name in fresh) ? "delete" : "update";
    changes.set(`${path}${/^\w+$/.test(name) ? `.${name}` : `["${name}"]`}`, {
      kind,
      replace: property.replace === true,
    });
  }
}

function diffOne(
  property: Property,
  old: Json | undefined,
  fresh: Json | undefined,
  path: string,
  changes: Changes,
): void {
  if (fresh === undefined || fresh === null) {
    // A list that the engine fills in is null only in the state of a container that was never
    // finished: it then differs, which is why such a container is replaced when it has no
    // entrypoints of its own, and else "updated" (A19).
    if (
      old === null &&
      property.kind === "list" &&
      property.fields === undefined &&
      (property.computed ?? property.output)
    ) {
      changes.set(path, { kind: "add", replace: property.replace === true });
    }
    // Leaving out what the engine may fill in is no difference: such a property cannot be removed (2.9). Neither is
    // leaving out what may stay as it is when empty: the working directory of an image, say.
    if (
      property.computed === true ||
      property.output === true ||
      isZero(old) ||
      property.same?.(old ?? null, "") === true
    )
      return;
    changes.set(path, { kind: "delete", replace: property.replace === true });
    return;
  }
  if (fresh === UNKNOWN) {
    changes.set(path, { kind: isZero(old) ? "add" : "update", replace: property.replace === true });
    return;
  }
  if (property.same?.(old ?? null, fresh) === true && !hasUnknown(fresh)) return;
  const { kind } = property;
  if (kind === "set") diffElements(property, asList(old), asList(fresh), path, changes);
  else if (kind === "list") diffList(property, asList(old), asList(fresh), path, changes);
  else if (kind === "map") diffMap(property, asProps(old), asProps(fresh), path, changes);
  else if (kind === "object") diffBlock(property, old, fresh, path, changes);
  else if (!(isZero(old) && isZero(fresh)) && old !== fresh)
    changes.set(path, { kind: kindOf(old, fresh), replace: property.replace === true });
}

function diffBlock(property: Property, old: Json | undefined, fresh: Json, path: string, changes: Changes): void {
  if (isObject(old)) diffProps(property.fields!, old, asProps(fresh), `${path}.`, changes);
  else changes.set(path, { kind: "add", replace: property.replace === true || forces(property.fields!, fresh) });
}

const asList = (value: Json | undefined): Json[] => (Array.isArray(value) ? value : []);
const asProps = (value: Json | undefined): Props => (isObject(value) ? value : {});

function diffProps(table: Table, old: Props, fresh: Props, prefix: string, changes: Changes): void {
  for (const [name, property] of Object.entries(table)) {
    diffOne(property, old[name], fresh[name], prefix + name, changes);
  }
}

const topLevel = (path: string): string => path.split(/[.[]/, 1)[0]!;

/** `state` is what the last operation stored, not the last inputs: so drift found by a refresh is a difference too. */
export function difference(table: Table, state: Props, inputs: Props, ignored: readonly string[] = []): Changes {
  const changes: Changes = new Map();
  diffProps(table, bare(state) as Props, bare(inputs) as Props, "", changes);
  for (const path of changes.keys()) {
    // A key of a map is ignored by its name behind a dot alone.
    const dotted = path.replaceAll(/\["([^"]+)"\]/g, ".$1");
    if (ignored.some((ignore) => dotted === ignore || topLevel(path) === ignore)) changes.delete(path);
  }
  return changes;
}

/** The top-level properties with a change that passes the filter, each once. */
export const changed = (changes: Changes, filter: (change: Change) => boolean = () => true): string[] => [
  ...new Set([...changes].filter(([, change]) => filter(change)).map(([path]) => topLevel(path))),
];
