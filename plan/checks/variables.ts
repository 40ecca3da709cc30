/**
 * Variables that the stack file gives a service arrive as they were written, or not at all. The CLI, and YAML, take
 * `+15551234567` and `007` for numbers, and hand them over without their plus and their zeros.
 */
import type { Problem } from "../../config/problems.ts";
import type { ServiceSpec, VariableKind } from "../types.ts";
import type { Draft } from "./draft.ts";

type Value = string | number | boolean;

const kindOf = (value: Value): VariableKind =>
  typeof value === "number" ? "number" : typeof value === "boolean" ? "flag" : "text";

/** What a variable takes: as the entry says, otherwise as its own value is; text, where it says nothing of it. */
const takes = ({ variables, environment = {} }: ServiceSpec, name: string): VariableKind =>
  variables?.[name] ?? kindOf(environment[name] ?? "");

const isWhole = (value: Value): boolean => typeof value !== "number" || Math.abs(value) <= Number.MAX_SAFE_INTEGER;

export const variableProblems = ({ system, context: { settings, stack } }: Draft): Problem[] =>
  system.services.flatMap((spec) =>
    Object.entries(settings.services[spec.name]?.environment ?? {}).flatMap(([name, value]) => {
      const kind = kindOf(value);
      if (kind === "text" || (kind === takes(spec, name) && isWhole(value))) return [];
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
