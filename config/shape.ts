/** Which keys a stack file may have: those of every stack, and those that its system, with parts and stores, reads. */
import { z } from "zod";
import { didYouMean } from "./nearest.ts";
import { ProblemsError, setCommand } from "./problems.ts";
import { commonSettings, leaf } from "./schema.ts";
import type { SecretLeaves } from "./secrets.ts";

/** Keys of the stack file that somebody reads, by their name without `berth:`. */
export interface Keys {
  readonly settings: z.ZodRawShape;
  readonly secrets: SecretLeaves;
}

/** All keys of the stack files of one system. */
export interface Shape {
  /** Name of the system. */
  readonly system: string;
  readonly settings: z.ZodObject<typeof commonSettings>;
  readonly secrets: SecretLeaves;
  /** Why there is no such key, where other systems have one. */
  readonly without: Readonly<Record<string, string>>;
}

/** Systems by name. Where a stack file names none, its stack runs the first. */
export type Shapes = Readonly<Record<string, { readonly shape: Shape }>>;

/**
 * @param without Why it has none of these keys.
 * @throws {Error} where two of them bring the same key: a mistake in systems/.
 */
export function shapeOf(system: string, keys: readonly Keys[], without: Shape["without"] = {}): Shape {
  const { description, ...meta } = z.globalRegistry.get(commonSettings.system) as { description: string };
  const own = leaf(z.enum([system]).default(system), { description, ...meta, allowed: system, example: system });
  return {
    system,
    settings: z.strictObject(
      joined<z.core.SomeType>([{ ...commonSettings, system: own }, ...keys.map(({ settings }) => settings)]),
    ) as unknown as Shape["settings"],
    secrets: joined(keys.map(({ secrets }) => secrets)),
    without,
  };
}

function joined<T>(parts: readonly Readonly<Record<string, T>>[]): Record<string, T> {
  const all: Record<string, T> = {};
  for (const [key, value] of parts.flatMap((part) => Object.entries(part))) {
    if (key in all) throw new Error(`systems/: two parts of a system bring berth:${key}`);
    all[key] = value;
  }
  return all;
}

/**
 * The system that a stack file names.
 * @param name Its `berth:system`. @default the first
 * @throws {ProblemsError} where there is no such system.
 */
export function systemOf<S extends Shapes[string]>(
  systems: Readonly<Record<string, S>>,
  name: string | undefined,
  stack: string,
): S {
  const names = Object.keys(systems);
  const found = name ?? names[0]!;
  if (names.includes(found)) return systems[found]!;
  const allowed = names.join(", ");
  throw new ProblemsError(stack, [
    {
      key: "berth:system",
      got: `there is no system "${name}"${didYouMean(name!, names)}`,
      allowed,
      fix: setCommand("berth:system", names[0], stack),
    },
  ]);
}
