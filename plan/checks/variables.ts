/**
 * Variables that the stack file gives a service arrive as they were written, or not at all. The CLI takes
 * `+15551234567` for a number, YAML takes `1.10` for one, and they are handed over without their plus and their zero.
 */
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

export const variableProblems = ({ system, context: { settings, stack } }: Draft): Problem[] =>
  system.services.flatMap((spec) =>
    Object.entries(settings.services[spec.name]?.environment ?? {}).flatMap(([name, value]) => {
      const kind = kindOf(value);
      const wanted = takes(spec, name);
      if (kind === "text" || (wanted === undefined && isPlain(value)) || (kind === wanted && isWhole(value))) return [];
      const key = `berth:services.${spec.name}.environment.${name}`;
      return [
        {
          key,
          got: `${kind === "number" ? "a number" : "true or false"} in the stack file, which need not be what was written`,
          allowed:
            "text, in quotes: the service may take +1, 007, 1.10 or True for something else than 1, 7, 1.1 or true",
          fix: `pulumi config set --path --type string ${key} '<value>' --stack ${stack}`,
        },
      ];
    }),
  );
