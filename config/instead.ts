/**
 * What a machine has instead of a system's own defaults, because an image cannot be had there: its environment says so
 * (`BERTH_INSTEAD`), not the stack file. What the stack file says counts more. Pure.
 */
import { type Problem, Refusal } from "./problems.ts";

type Values = ReadonlyMap<string, string>;
type Json = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** An object in JSON; undefined where it is none. */
function objectIn(text: string): Json | undefined {
  try {
    const found: unknown = JSON.parse(text);
    return isObject(found) ? found : undefined;
  } catch {
    return undefined;
  }
}

function read(text: string): Readonly<Record<string, Json>> {
  const found = objectIn(text);
  if (found !== undefined && Object.values(found).every(isObject)) return found as Readonly<Record<string, Json>>;
  throw new Refusal(`BERTH_INSTEAD is no JSON of system, key and value. Nothing was touched: unset BERTH_INSTEAD`);
}

/**
 * @param values What the stack file says: full key → text, or JSON.
 * @param system The system that the stack runs.
 * @param text JSON: system → full key → value. Empty: nothing.
 * @throws {Refusal} where it is no such JSON
 * @returns both, and a word about each key that is not the system's own default.
 */
export function withInstead(values: Values, system: string, text = ""): { values: Values; notices: Problem[] } {
  const instead = text === "" ? {} : (read(text)[system] ?? {});
  const joined = new Map(values);
  const notices: Problem[] = [];
  for (const [key, value] of Object.entries(instead)) {
    const given = values.get(key);
    if (given !== undefined && !isObject(value)) continue;
    const own = given === undefined ? {} : objectIn(given);
    // What it says instead of an object is refused by whoever reads it.
    if (own === undefined) continue;
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
