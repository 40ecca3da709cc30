/** Logs (Vector to Loki) and traces (Jaeger). */
import { healthCheck } from "../../plan/health.ts";
import type { CatalogueArgs, ServiceSpec } from "../../plan/types.ts";
import { baseImage } from "../images.ts";
import { content } from "./content.ts";

export const loki = ({ settings }: CatalogueArgs): ServiceSpec[] => [{
  name: "loki", tier: "monitoring", kind: "stateful", optional: true, image: { pull: baseImage("loki", settings) }, uid: 10001,
  command: ["-config.file=/etc/loki/loki.yml"],
  config: { path: "/etc/loki", files: { "loki.yml": content("monitoring/loki/loki.yml", { retention: atLeastADay(settings.retention.logs) }) } },
  volumes: [{ name: "loki-data", path: "/loki", keep: "data" }],
  networks: ["monitoring"], port: 3100, publish: { loki: 3100 }, metrics: {},
  // It says it is not ready for the first 15 seconds.
  health: healthCheck.wget("http://127.0.0.1:3100/ready", { startPeriod: 60 }), limits: { memory: 256, cpus: 0.5 },
}];

/** Loki's index has one table a day, and less is not deleted. */
const atLeastADay = (retention: string): string => retention.endsWith("h") && Number.parseInt(retention) < 24 ? "24h" : retention;

/** Without Loki it has nobody to send to, and is not there either. */
export function vector({ stack, settings, isOn }: CatalogueArgs): ServiceSpec[] {
  if (!isOn("loki") && isOn("vector")) return [];
  const { system, environment } = settings;
  const foreign = `entry.attrs."berth.stack" != "${stack}"`;
  return [{
    name: "vector", tier: "monitoring", kind: "stateful", optional: true, image: { pull: baseImage("vector", settings) }, uid: 0,
    command: ["--config", "/etc/vector/vector.yml"],
    config: { path: "/etc/vector", files: { "vector.yml": content("monitoring/vector/vector.yml", { foreign, system, environment }) } },
    // How far each log file has been read.
    volumes: [{ name: "vector-data", path: "/var/lib/vector", keep: "scratch" }],
    hostMounts: { "/var/lib/docker/containers": "/var/lib/docker/containers" },
    networks: ["monitoring"], port: 9598, metrics: {}, after: ["loki"],
    health: healthCheck.wget("http://127.0.0.1:8686/health"), limits: { memory: 128, cpus: 0.25 },
  }];
}

export const jaeger = ({ settings }: CatalogueArgs): ServiceSpec => ({
  name: "jaeger", tier: "monitoring", kind: "stateful", optional: true, image: { pull: baseImage("jaeger", settings) }, uid: 10001,
  // Traces are kept in memory, as many as fit. The receivers' addresses are said, because their default is not the same in all releases.
  command: ["--memory.max-traces=20000", "--collector.otlp.http.host-port=0.0.0.0:4318", "--collector.otlp.grpc.host-port=0.0.0.0:4317"],
  networks: ["monitoring"], port: 16686, publish: { jaeger: 16686 }, metrics: { port: 14269 },
  health: healthCheck.wget("http://127.0.0.1:14269/"), limits: { memory: 256, cpus: 0.5 }, stopGrace: 10,
});
