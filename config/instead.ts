/**
 * What a machine has instead of a system's own defaults, because an image cannot be had there: its environment says so
 * (`BERTH_INSTEAD`), not the stack file. What the stack file says counts more. Pure.
 */
import type { Problem } from "./problems.ts";

type Values = ReadonlyMap<string, string>;
type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * @param values What the stack file says: full key → text, or JSON.
 * @param system The system that the stack runs.
 * @param text JSON: system → full key → value. Empty: nothing.
 * @returns both, and a word about each key that is not the system's own default.
 */
export function withInstead(values: Values, system: string, text = ""): { values: Values; notices: Problem[] } {
  const instead = text === "" ? {} : ((JSON.parse(text) as Readonly<Record<string, Json>>)[system] ?? {});
  const joined = new Map(values);
  const notices: Problem[] = [];
  for (const [key, value] of Object.entries(instead)) {
    const given = values.get(key);
    if (given !== undefined && !isObject(value)) continue;
    const own = given === undefined ? {} : (JSON.parse(given) as Json);
    const whole = isObject(value) ? { ...value, ...own } : value;
    joined.set(key, typeof whole === "string" ? whole : JSON.stringify(whole));
    const taken = isObject(value) ? Object.entries(value).filter(([name]) => !(name in own)) : [["", value] as const];
    notices.push(
      ...taken.map(([name, one]) => ({
        key: name === "" ? key : `${key}.${name}`,
        got: `${String(one)}, because this machine cannot have what the system would take (BERTH_INSTEAD)`,
        allowed: "the system's own default, where its image can be had",
        fix: "unset BERTH_INSTEAD",
      })),
    );
  }
  return { values: joined, notices };
}
