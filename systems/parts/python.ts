/** Services in Python: the folder of each, built by the one Dockerfile of them all (services/python). */
import { readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { healthCheck } from "../../plan/health.ts";
import type { HealthCheck, ImageSpec, ServiceSpec } from "../../plan/types.ts";
import type { Args, Entry } from "../part.ts";
import { content } from "./content.ts";

const FOLDER = "services/python";
const ROOT = join(import.meta.dirname, "../..");

export const pythonImages = { python: "python:3.11-slim" };

/** Uid of the processes (services/python/Dockerfile). */
export const PYTHON_UID = 10001;

/** MiB that one process of Python takes with all that it imports, and some for its work. */
export const PYTHON_LEAST = 128;

/** What every Python service has, by its path under /app. A build sees the folder of its service and nothing else. */
export function shared(): string {
  const files = readdirSync(join(ROOT, FOLDER, "app"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".pyc"))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .sort();
  return JSON.stringify(Object.fromEntries(files.map((file) => [relative(`${FOLDER}/app`, file), content(file)])));
}

/** @param own Arguments of the Dockerfile that are others. @default none @returns the image of services/<name> */
export const pythonImage = (
  name: string,
  { settings, baseImage }: Args,
  own: Readonly<Record<string, string>> = {},
): ImageSpec => ({
  context: `services/${name}`,
  dockerfile: `${FOLDER}/Dockerfile`,
  target: settings.imageTarget,
  args: { PYTHON_IMAGE: baseImage("python"), SERVICE: name, SHARED: shared(), ...own },
});

/**
 * Healthy while `ready` is answered with 2xx; a process that no longer answers `/health` is ended
 * (services/python/app/bin/health).
 */
export const pythonHealth = (port: number, ready = "/ready"): HealthCheck =>
  healthCheck.command(["health", `http://127.0.0.1:${port}${ready}`, `http://127.0.0.1:${port}/health`], {
    interval: 4,
    timeout: 8,
    startPeriod: 15,
  });

/** What an entry says of its service. The rest follows, and may be said otherwise. */
export type PythonSpec = Pick<ServiceSpec, "limits"> &
  Partial<Omit<ServiceSpec, "name" | "image">> & { readonly port: number };

/** A FastAPI service as `npm run new service` writes it: `python -m berth` runs it (services/python/app/lib). */
export const python = (name: string, own: (args: Args) => PythonSpec): Entry => ({
  name,
  images: pythonImages,
  image: (args) => pythonImage(name, args),
  service: (args) => {
    const spec = own(args);
    const { settings } = args;
    return {
      name,
      tier: "app",
      kind: "stateless",
      image: { build: name },
      uid: PYTHON_UID,
      command: ["python", "-m", "berth"],
      networks: ["app", "monitoring"],
      metrics: {},
      health: pythonHealth(spec.port),
      sources: { [`services/${name}/src`]: "/app/src", [`${FOLDER}/app/lib`]: "/app/lib" },
      // Longer than requests under way get (berth/__main__.py).
      stopGrace: 60,
      ...spec,
      limits: { least: PYTHON_LEAST, ...spec.limits },
      environment: {
        SERVICE: name,
        PORT: spec.port,
        LOG_LEVEL: settings.logLevel,
        ...(settings.sourceMounts ? { RELOAD: true } : {}),
        ...spec.environment,
      },
    };
  },
});
