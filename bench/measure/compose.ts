/** The same containers as a compose file, to compare with; for measuring only. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { stringify } from "yaml";
import { FILES, filesOf } from "../../plan/files.ts";
import { duration } from "../../plan/health.ts";
import { references, render, valueKey } from "../../plan/template.ts";
import type { ImageRef, Plan, PlannedService } from "../../plan/types.ts";

/** A value for every secret; the same text everywhere, so that all sides agree. */
const VALUE = "0123456789abcdef0123456789abcdef";

/** Writes compose.yaml and the files of every service into a folder. */
export function writeCompose(plan: Plan, images: Readonly<Record<string, string>>, dir: string, project: string): void {
  const names = new Map(plan.services.map((service) => [service.name, `${project}-${service.name}`]));
  const services = Object.fromEntries(
    plan.services.map((service) => [service.name, composeService(service, plan, { images, dir, names })]),
  );
  const volumes = new Set(plan.services.flatMap((service) => (service.volumes ?? []).map((volume) => volume.name)));
  writeFileSync(
    join(dir, "compose.yaml"),
    stringify(
      {
        name: project,
        services,
        networks: Object.fromEntries(
          plan.networks.map((network) => [network, { internal: !["edge", "egress"].includes(network) }]),
        ),
        volumes: Object.fromEntries([...volumes].map((volume) => [volume, {}])),
      },
      { aliasDuplicateObjects: false },
    ),
  );
}

interface Given {
  readonly images: Readonly<Record<string, string>>;
  readonly dir: string;
  readonly names: ReadonlyMap<string, string>;
}

function composeService(service: PlannedService, plan: Plan, given: Given): object {
  const { health, limits } = service;
  return {
    container_name: given.names.get(service.name),
    image: imageOf(service.image, given.images),
    user: `${service.uid}:0`,
    ...(service.command ? { command: service.command.map((word) => word.replaceAll("$", "$$$$")) } : {}),
    ...(service.entrypoint ? { entrypoint: service.entrypoint } : {}),
    environment: service.environment,
    labels: service.labels,
    init: true,
    read_only: true,
    cap_drop: ["ALL"],
    security_opt: ["no-new-privileges:true"],
    tmpfs: Object.entries(service.tmpfs ?? { "/tmp": "rw,noexec,nosuid,size=64m" }).map(
      ([path, options]) => `${path}:${options}`,
    ),
    mem_limit: `${limits.memory}m`,
    memswap_limit: `${limits.memory}m`,
    cpus: limits.cpus,
    restart: plan.restart,
    healthcheck: {
      test: health.test.map((word) => word.replaceAll("$", "$$$$")),
      interval: duration(health.interval),
      timeout: duration(health.timeout),
      // Compose gives up at the first "unhealthy"; Pulumi waits as long as this, whatever the check said before.
      start_period: duration(service.waitTimeout),
      retries: health.retries,
    },
    logging: { driver: "json-file", options: { "max-size": "10m", "max-file": "5" } },
    volumes: [
      ...mountOf(service, given),
      ...(service.volumes ?? []).map(({ name, path, readOnly }) => `${name}:${path}${readOnly ? ":ro" : ""}`),
      ...Object.entries(service.hostMounts ?? {}).map(([from, to]) => `${from}:${to}:ro`),
      ...Object.entries(service.sources).map(([from, to]) => `${process.cwd()}/${from}:${to}:ro`),
    ],
    ...(service.networks.length ? { networks: service.networks } : { network_mode: "none" }),
    depends_on: Object.fromEntries(service.after.map((other) => [other, { condition: "service_healthy" }])),
    ports: service.ports.map(({ ip, external, internal }) => `${ip}:${external}:${internal}`),
    stop_grace_period: `${service.stopGrace}s`,
  };
}

const imageOf = (ref: ImageRef, images: Readonly<Record<string, string>>): string =>
  "pull" in ref ? ref.pull : images[ref.build]!;

/** The service's files as bind mounts, filled with values that are nobody's. */
function mountOf(service: PlannedService, { dir, names }: Given): string[] {
  if (service.sharesFilesOf) return [`${join(dir, service.sharesFilesOf)}:${FILES}:ro`];
  const [folder, files] = [join(dir, service.name), Object.entries(filesOf(service))];
  for (const [file, text] of files) {
    const values = Object.fromEntries(
      references(text).map((reference) => [
        valueKey(reference),
        reference.name.startsWith("containers:")
          ? names.get(reference.name.slice("containers:".length))!
          : reference.filter === "version"
            ? "bench"
            : VALUE,
      ]),
    );
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), render(text, values));
    chmodSync(join(folder, file), 0o440);
  }
  return files.length ? [`${folder}:${FILES}:ro`] : [];
}
