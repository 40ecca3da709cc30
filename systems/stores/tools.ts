/** The programs of services/stores, one image: what makes log-ins of a store, drops former ones, and tells of it. */
import { healthCheck } from "../../plan/health.ts";
import { pace } from "../../plan/pace.ts";
import type { ImageSpec, ServiceSpec } from "../../plan/types.ts";
import type { Args } from "../part.ts";
import { runOnce, succeeded } from "../parts/job.ts";
import { PYTHON_UID, pythonImage } from "../parts/python.ts";

const IMAGE = "stores";

export const toolsImage = (args: Args): Record<string, ImageSpec> => ({
  [IMAGE]: { ...pythonImage(IMAGE, args), target: "runtime" },
});

const tool = { image: { build: IMAGE }, uid: PYTHON_UID, networks: ["data"] } satisfies Partial<ServiceSpec>;
const job = { ...tool, tier: "data", kind: "job", health: succeeded } satisfies Partial<ServiceSpec>;

/** Makes the log-ins of a store, before whoever uses it. @param options Of the program. */
export const loginJob = (
  store: string,
  { options = [], ...more }: Pick<ServiceSpec, "secrets" | "environment"> & { readonly options?: readonly string[] },
): ServiceSpec => ({
  ...job,
  name: `${store}-users`,
  after: [store],
  command: runOnce(["python -m stores", `${store}-users`, ...options].join(" ")),
  limits: { memory: 128, cpus: 0.5 },
  ...more,
});

/** Drops the log-ins of former versions of the secret that it `prunes`. */
export const pruneJob = (store: string, more: Pick<ServiceSpec, "prunes" | "secrets">): ServiceSpec => ({
  ...job,
  name: `${store}-prune`,
  command: ["python", "-m", "stores", `${store}-prune`, String(pace.prune)],
  limits: { memory: 128, cpus: 0.25 },
  ...more,
});

/** Tells Prometheus of a store. @param port Its own, which no other exporter has. */
export const exporterOf = (
  store: string,
  port: number,
  more: Pick<ServiceSpec, "after" | "secrets" | "environment">,
): ServiceSpec => ({
  ...tool,
  name: `${store}-exporter`,
  tier: "monitoring",
  kind: "stateless",
  command: ["python", "-m", "stores", `${store}-exporter`, String(port)],
  networks: ["data", "monitoring"],
  port,
  metrics: {},
  health: healthCheck.bash(port, "/health"),
  limits: { memory: 128, cpus: 0.25 },
  stopGrace: 5,
  ...more,
});
