/** What speaks Prometheus's language for those that do not. */
import { healthCheck } from "../../plan/health.ts";
import { prefix } from "../../plan/names.ts";
import { pace } from "../../plan/pace.ts";
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
  return database === undefined
    ? []
    : [
        {
          name: "postgres-exporter",
          tier: "monitoring",
          kind: "stateless",
          image: { pull: baseImage("postgresExporter", settings) },
          uid: NOBODY,
          command: [
            "--collector.stat_statements",
            "--collector.long_running_transactions",
            "--collector.statio_user_indexes",
            "--collector.postmaster",
          ],
          environment: {
            DATA_SOURCE_NAME: `user=monitor dbname=${database} host=${SOCKET.path} application_name=postgres-exporter`,
          },
          volumes: [{ ...SOCKET, keep: "scratch", readOnly: true }],
          networks: ["monitoring"],
          port: 9187,
          metrics: {},
          after: ["postgres-roles"],
          health: healthCheck.wget("http://127.0.0.1:9187/"),
          limits: LIMITS,
          stopGrace: 5,
        },
      ];
}

export function redisExporter({ settings }: CatalogueArgs, services: readonly ServiceSpec[]): ServiceSpec[] {
  return services.every((service) => service.name !== "redis")
    ? []
    : [
        {
          name: "redis-exporter",
          tier: "monitoring",
          kind: "stateless",
          image: { pull: baseImage("redisExporter", settings) },
          uid: REDIS_EXPORTER,
          // Its own default is longer than a scrape may take: a Redis that is gone
          // would look like an exporter that is gone.
          command: ["--script=/etc/redis-exporter/queues.lua", "--connection-timeout=3s"],
          // Queues are lists: named after the system, or by Celery's default.
          config: {
            path: "/etc/redis-exporter",
            files: { "queues.lua": content("monitoring/redis/queues.lua", { queues: `${settings.system} celery` }) },
          },
          environment: {
            REDIS_ADDR: "redis://redis:6379",
            REDIS_USER: "monitor",
            REDIS_PASSWORD_FILE: "/run/secrets/passwords.json",
          },
          secrets: { "passwords.json": '{"redis://monitor@redis:6379":@{redisMonitorPassword|json}}' },
          networks: ["data", "monitoring"],
          port: 9121,
          metrics: {},
          after: ["redis"],
          health: healthCheck.wget("http://127.0.0.1:9121/health"),
          limits: LIMITS,
          stopGrace: 5,
        },
      ];
}

/**
 * The engine's machine, and CPU, memory and restarts of each container of this stack. It is on the network `data` as
 * well, because the engine tells the names of those only that share a network with it
 * (docs/decisions/0011-container-metrics.md).
 *
 * @param services Every other service that is on, but for Prometheus and Grafana.
 */
export function nodeExporter({ stack, settings }: CatalogueArgs, services: readonly ServiceSpec[]): ServiceSpec {
  const known = [
    ...services.map(({ name, tier }) => `${name}=${tier}`),
    ...["node-exporter", "prometheus", "grafana"].map((name) => `${name}=monitoring`),
  ]
    .sort()
    .join(" ");
  return {
    name: "node-exporter",
    tier: "monitoring",
    kind: "stateless",
    image: { pull: baseImage("nodeExporter", settings) },
    uid: NOBODY,
    entrypoint: ["sh", "/etc/machine/start.sh"],
    config: {
      path: "/etc/machine",
      files: {
        "start.sh": content("monitoring/machine/start.sh", {
          prefix: prefix(settings.system, stack),
          services: known,
          interval: String(pace.containers),
        }),
        "containers.awk": content("monitoring/machine/containers.awk"),
      },
    },
    hostMounts: { "/sys/fs/cgroup": "/sys/fs/cgroup" },
    networks: ["data", "monitoring"],
    port: 9100,
    metrics: { honorLabels: true },
    // It answers, and the file about the containers is not older than a minute.
    health: healthCheck.shell(
      "wget -q -O /dev/null -T 3 http://127.0.0.1:9100/ && find /tmp/metrics/containers.prom -mmin -1 | grep -q .",
    ),
    limits: LIMITS,
    stopGrace: 5,
  };
}
