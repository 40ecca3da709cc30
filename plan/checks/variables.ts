/**
 * Variables that the stack file gives a service arrive as they were written, or not at all. The CLI takes
 * `+15551234567` for a number, YAML takes `1.10` for one, and they are handed over without their plus and their zero.
 */
import { nearest } from "../../config/nearest.ts";
import type { Problem } from "../../config/problems.ts";
import type { ServiceSpec, VariableKind } from "../types.ts";
import type { Draft } from "./draft.ts";

type Value = string | number | boolean;

const kindOf = (value: Value): VariableKind =>
  typeof value === "number" ? "number" : typeof value === "boolean" ? "flag" : "text";

/** What a variable takes: as the entry says, otherwise as its own value is; undefined, where it says nothing of it. */
const takes = ({ variables, environment = {} }: ServiceSpec, name: string): VariableKind | undefined =>
  variables?.[name] ?? (environment[name] === undefined ? undefined : kindOf(environment[name]));

const isWhole = (value: Value): boolean => typeof value !== "number" || Math.abs(value) <= Number.MAX_SAFE_INTEGER;
/** Too short for a telephone number, and without a fraction that may have ended with zeros. */
const isPlain = (value: Value): boolean =>
  typeof value !== "number" || (Number.isInteger(value) && Math.abs(value) < 1e7);

export const variableProblems = (draft: Draft): Problem[] =>
  draft.system.services.flatMap((spec) =>
    Object.entries(draft.context.settings.services[spec.name]?.environment ?? {}).flatMap(([name, value]) => {
      const key = `berth:services.${spec.name}.environment.${name}`;
      const { stack } = draft.context;
      return [...misspelt(spec, name, key, stack), ...changed(takes(spec, name), value, key, stack)];
    }),
  );

/** Nobody would read it. What no service declares may be a library's own, such as TZ. */
function misspelt({ variables }: ServiceSpec, name: string, key: string, stack: string): Problem[] {
  const known = Object.keys(variables ?? {});
  // Names of libraries are like each other: OTEL_SERVICE_VERSION is no OTEL_SERVICE_NAME.
  const meant = known.includes(name) ? undefined : nearest(name, known, Math.min(2, Math.floor(name.length / 4)));
  return meant === undefined
    ? []
    : [
        {
          key,
          got: `nothing reads it; did you mean ${meant}?`,
          allowed: `${known.join(", ")}, or what a library reads and none of these is like`,
          fix: `pulumi config rm --path ${key} --stack ${stack}`,
        },
      ];
}

function changed(wanted: VariableKind | undefined, value: Value, key: string, stack: string): Problem[] {
  const kind = kindOf(value);
  const fix = `pulumi config set --path --type string ${key} '<value>' --stack ${stack}`;
  if (typeof value === "string" && value.includes("\0"))
    return [{ key, got: "text with the character NUL, which ends a variable", allowed: "text without it", fix }];
  if (kind === "text" || (wanted === undefined && isPlain(value)) || (kind === wanted && isWhole(value))) return [];
  return [
    {
      key,
      got: `${kind === "number" ? "a number" : "true or false"} in the stack file, which need not be what was written`,
      allowed: "text, in quotes: the service may take +1, 007, 1.10 or True for something else than 1, 7, 1.1 or true",
      fix,
    },
  ];
}
