/** What speaks Prometheus's language for those that do not. */
import { healthCheck } from "../../plan/health.ts";
import type { CatalogueArgs, ServiceSpec } from "../../plan/types.ts";
import { baseImage } from "../images.ts";
import { content } from "./content.ts";
import { NOBODY } from "./monitoring-metrics.ts";
import { SOCKET } from "./postgres.ts";

const LIMITS = { memory: 64, cpus: 0.25 };
/** Uid of the user in the image of redis_exporter. */
const REDIS_EXPORTER = 59000;

/** Logs in over the socket as the operating system's user nobody, so that there is no password to keep or to rotate. */
export function postgresExporter({ settings }: CatalogueArgs, services: readonly ServiceSpec[]): ServiceSpec[] {
  const database = services.find((service) => service.name === "postgres")?.environment?.POSTGRES_DB;
  return database === undefined ? [] : [{
    name: "postgres-exporter", tier: "monitoring", kind: "stateless", image: { pull: baseImage("postgresExporter", settings) }, uid: NOBODY,
    command: ["--collector.stat_statements"],
    environment: { DATA_SOURCE_NAME: `user=monitor dbname=${database} host=${SOCKET.path} application_name=postgres-exporter` },
    volumes: [{ ...SOCKET, keep: "scratch", readOnly: true }],
    networks: ["monitoring"], port: 9187, metrics: {}, after: ["postgres-roles"],
    health: healthCheck.wget("http://127.0.0.1:9187/"), limits: LIMITS, stopGrace: 5,
  }];
}

export function redisExporter({ settings }: CatalogueArgs, services: readonly ServiceSpec[]): ServiceSpec[] {
  return services.every((service) => service.name !== "redis") ? [] : [{
    name: "redis-exporter", tier: "monitoring", kind: "stateless", image: { pull: baseImage("redisExporter", settings) }, uid: REDIS_EXPORTER,
    command: ["--script=/etc/redis-exporter/queues.lua"],
    // Queues are lists: named after the system, or by Celery's default.
    config: { path: "/etc/redis-exporter", files: { "queues.lua": content("monitoring/redis/queues.lua", { queues: `${settings.system} celery` }) } },
    environment: { REDIS_ADDR: "redis://redis:6379", REDIS_USER: "monitor", REDIS_PASSWORD_FILE: "/run/secrets/passwords.json" },
    secrets: { "passwords.json": '{"redis://monitor@redis:6379":@{redisMonitorPassword|json}}' },
    networks: ["data", "monitoring"], port: 9121, metrics: {}, after: ["redis"],
    health: healthCheck.wget("http://127.0.0.1:9121/health"), limits: LIMITS, stopGrace: 5,
  }];
}

/**
 * CPU and memory by container, from the kernel's cgroups. Without the engine's socket it knows containers by id only;
 * its usual mounts (`/`, which holds the socket, and `/var/lib/docker`, which holds every secret) are not worth a name.
 */
export const cadvisor = ({ settings }: CatalogueArgs): ServiceSpec => ({
  name: "cadvisor", tier: "monitoring", kind: "stateless", optional: true, image: { pull: baseImage("cadvisor", settings) }, uid: NOBODY,
  command: ["--housekeeping_interval=15s", "--enable_metrics=cpu,memory,diskIO,process", "--store_container_labels=false"],
  hostMounts: { "/sys/fs/cgroup": "/sys/fs/cgroup" },
  networks: ["monitoring"], port: 8080, metrics: {},
  health: healthCheck.wget("http://127.0.0.1:8080/healthz"), limits: { memory: 192, cpus: 0.5 }, stopGrace: 5,
});
