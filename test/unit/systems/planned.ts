/** The three stacks of a system, as a machine plans them that can have every image. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { parseConfig } from "../../../config/parse.ts";
import { type Problem, ProblemsError } from "../../../config/problems.ts";
import { makePlan } from "../../../plan/plan.ts";
import type { Plan, PlannedService } from "../../../plan/types.ts";
import { systems } from "../../../systems/index.ts";
import { ROOT } from "../support.ts";

export const ENVIRONMENTS = ["dev", "stage", "prod"] as const;
export type Environment = (typeof ENVIRONMENTS)[number];
type Config = Record<string, unknown>;

export function planner(system: "samplemind" | "kailash") {
  const fileOf = (stack: string): Config =>
    (parse(readFileSync(join(ROOT, `Pulumi.${stack}.yaml`), "utf8")) as { config: Config }).config;

  /** @param more Laid over the stack file. @param configured Secrets that it holds. */
  function planned(environment: Environment, more: Config = {}, configured: readonly string[] = []): Plan {
    const stack = `${system}-${environment}`;
    const texts = Object.entries({ ...fileOf(stack), ...more }).map(([key, value]): [string, string] => [
      key,
      typeof value === "string" ? value : JSON.stringify(value),
    ]);
    const { shape, catalogue } = systems[system];
    const { settings, problems } = parseConfig({ stack, values: new Map(texts), secrets: new Map() }, shape);
    if (!settings) throw new ProblemsError(stack, problems);
    const host = { cpus: 64, memory: 1 << 20, platform: "linux/amd64" };
    const off = new Set(settings.off);
    return makePlan(catalogue, { stack, settings, shape, host, off, configured: new Set(configured) });
  }
  function problems(environment: Environment, more: Config): readonly Problem[] {
    try {
      planned(environment, more);
    } catch (error) {
      if (error instanceof ProblemsError) return error.problems;
      throw error;
    }
    throw new Error("the plan was accepted");
  }
  const plans = Object.fromEntries(ENVIRONMENTS.map((name) => [name, planned(name)])) as Record<Environment, Plan>;
  return { planned, problems, plans };
}

export const serviceOf = (plan: Plan, name: string): PlannedService => plan.services.find((one) => one.name === name)!;
export const variableOf = (service: PlannedService, name: string): string | undefined =>
  service.environment.find((line) => line.startsWith(`${name}=`))?.slice(name.length + 1);
