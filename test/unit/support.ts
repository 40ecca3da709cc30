/** A small system to plan with, and settings as a stack file would give them. */
import { join } from "node:path";
import { parseConfig } from "../../config/parse.ts";
import type { Problem } from "../../config/problems.ts";
import { ProblemsError } from "../../config/problems.ts";
import type { Settings } from "../../config/schema.ts";
import type { SecretKey } from "../../config/secrets.ts";
import { healthCheck } from "../../plan/health.ts";
import { makePlan } from "../../plan/plan.ts";
import type { Catalogue, Context, ServiceSpec, System } from "../../plan/types.ts";
import { systems } from "../../systems/index.ts";

// What this machine has in the place of images is none of a test's business.
process.env["BERTH_BASE_IMAGES"] = "";
process.env["BERTH_INSTEAD"] = "";

export const ROOT = join(import.meta.dirname, "../..");

export const service = (name: string, more: Partial<ServiceSpec> = {}): ServiceSpec => ({
  name,
  tier: "app",
  kind: "stateless",
  image: { pull: "busybox:1" },
  uid: 1000,
  networks: ["app"],
  health: healthCheck.command(["true"]),
  limits: { memory: 64, cpus: 0.25 },
  ...more,
});

/** Builds what its services run. */
export const catalogue =
  (services: readonly ServiceSpec[], more: Partial<System> = {}): Catalogue =>
  () => ({
    name: "tiny",
    images: Object.fromEntries(
      services.flatMap(({ image }) =>
        "build" in image ? [[image.build, { context: "services/tiny", target: "runtime", args: {} }]] : [],
      ),
    ),
    baseImages: [],
    services,
    credentials: {},
    ...more,
  });

/** The small system may say what the assistant may. */
const SHAPE = systems.assistant.shape;

export const settings = (values: Record<string, unknown> = {}, shape = SHAPE): Settings => {
  const texts = Object.entries({ "berth:environment": "dev", ...values }).map(([key, value]): [string, string] => [
    key,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  const parsed = parseConfig({ stack: "dev", values: new Map(texts), secrets: new Map() }, shape);
  if (!parsed.settings) throw new ProblemsError("dev", parsed.problems);
  return parsed.settings;
};

export const context = (values: Record<string, unknown> = {}, more: Partial<Context> = {}): Context => ({
  stack: "dev",
  settings: settings(values, more.shape),
  shape: SHAPE,
  host: { cpus: 4, memory: 8192, platform: "linux/amd64" },
  off: new Set<string>(),
  configured: new Set<SecretKey>(),
  ...more,
});

/** The problems that planning reports; none is a failure of the test. */
export function problemsOf(
  services: readonly ServiceSpec[],
  values: Record<string, unknown> = {},
  more: Partial<Context> = {},
  system: Partial<System> = {},
): readonly Problem[] {
  try {
    makePlan(catalogue(services, system), context(values, more));
  } catch (error) {
    if (error instanceof ProblemsError) return error.problems;
    throw error;
  }
  throw new Error("the plan was accepted");
}
