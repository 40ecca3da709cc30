/**
 * What the processes of a system read from their environment, as a chapter of docs/configuration.md. Names, defaults
 * and what is allowed are read out of its settings.py (services/python/app/lib/berth/settings.py); only what a variable
 * means, and who sets it, is said in the system's folder.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { VariableKind } from "../../plan/types.ts";

const ROOT = join(import.meta.dirname, "../..");

export interface Variable {
  readonly meaning: string;
  /**
   * What sets it: a key of the stack file, or the catalogue. @default whoever needs it,
   * in `berth:services.<service>.environment`
   */
  readonly by?: string;
}
export type Variables = Readonly<Record<string, Variable>>;

export const CATALOGUE = "the catalogue";

export interface Declared {
  readonly name: string;
  /** `text`, `number`, `flag`, `choice`, `secret` or `keys`: how settings.py reads it. */
  readonly kind: string;
  readonly allowed: string;
  /** Value without it; empty: none. */
  readonly fallback: string;
  /** Roles that cannot run without it. */
  readonly needed: readonly string[];
}

/** Every variable that settings.py reads, with what it takes and what it does without. */
export function declared(source: string): Declared[] {
  const found = new Map<string, Declared>();
  const roles = [.../^REQUIRED\b[^{]*\{([^}]*)\}/m.exec(source)![1]!.matchAll(/"([\w-]+)": \(([^)]*)\)/g)].map(
    (match) => match.slice(1),
  );
  for (const [, kind, name, rest = ""] of source.matchAll(
    /\b(text|number|flag|choice|secret|keys)\("([A-Z][A-Z0-9_]*)"(?:, (.*))?/g,
  )) {
    const known = found.get(name!);
    if (known && known.allowed !== "text") continue;
    found.set(name!, {
      name: name!,
      kind: kind!,
      ...KINDS[kind!]!(rest, source.includes(`url("${name}"`)),
      needed: roles.filter(([, names]) => names!.includes(`"${name}"`)).map(([role]) => role!),
    });
  }
  return [...found.values()];
}

const quoted = (text: string): string | undefined => /^f?"([^"]*)"/.exec(text)?.[1]?.replace("{role}", "<role>");

const KINDS: Readonly<Record<string, (rest: string, isUrl: boolean) => Omit<Declared, "name" | "kind" | "needed">>> = {
  text: (rest, isUrl) => ({ allowed: isUrl ? "an http or https URL" : "text", fallback: quoted(rest) ?? "" }),
  number: (rest) => {
    const [, fallback, low, high] = /^(.+), ([\d_]+), ([\d_]+)\)/.exec(rest)!;
    const whole = (digits: string) => digits.replaceAll("_", "");
    return {
      allowed: `${whole(low!)} to ${whole(high!)}`,
      fallback: rest.includes(" else None") ? "" : /^[\d_]+$/.test(fallback!) ? whole(fallback!) : "the role's",
    };
  },
  flag: () => ({ allowed: "true or false", fallback: "false" }),
  choice: (rest) => ({
    allowed: [.../\(([^)]*)\)/.exec(rest)![1]!.matchAll(/"(\w+)"/g)].map((match) => match[1]).join(", "),
    fallback: quoted(rest)!,
  }),
  secret: () => ({ allowed: "path of a file", fallback: "" }),
  keys: () => ({ allowed: "path of a file", fallback: "" }),
};

/** What the variables take: all that settings.py reads. @param settings Path of a settings.py in the project. */
export const kindsIn = (settings: string): Record<string, VariableKind> =>
  Object.fromEntries(
    declaredIn(settings).map(({ name, kind }) => [name, kind === "number" || kind === "flag" ? kind : "text"]),
  );

const declaredIn = (settings: string): Declared[] => declared(readFileSync(join(ROOT, settings), "utf8"));

const without = ({ fallback, needed }: Declared): string =>
  needed.length ? `needed by ${needed.join(", ")}` : fallback ? `\`${fallback}\`` : "–";

function row(variable: Declared, variables: Variables): string {
  const { meaning, by = "you" } = variables[variable.name] ?? { meaning: "" };
  const cells = [`\`${variable.name}\``, meaning.replaceAll("|", "\\|"), variable.allowed, without(variable), by];
  return `| ${cells.join(" | ")} |`;
}

/**
 * @param example A command that sets one of them.
 * @param settings Path of the settings.py in the project.
 */
export const chapter = (title: string, example: string, settings: string, variables: Variables): string => `## ${title}

Names, defaults and what is allowed are those of \`${settings}\`. What nothing else sets
is set for one service: \`${example}\`. A wrong value ends the process with
every problem at once, and the update with it.

| variable | meaning | allowed | without it | set by |
|---|---|---|---|---|
${declaredIn(settings)
  .map((variable) => row(variable, variables))
  .join("\n")}
`;
