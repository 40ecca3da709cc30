/** Logs (Loki), traces (Jaeger), and the collector that sends them there. */
import { FILES } from "../../plan/files.ts";
import { healthCheck } from "../../plan/health.ts";
import type { ImageSpec, ServiceSpec } from "../../plan/types.ts";
import type { Args } from "../part.ts";
import { content } from "./content.ts";
import type { MonitoringArgs } from "./monitoring-keys.ts";

export const loki = ({ settings, baseImage }: MonitoringArgs): ServiceSpec[] => [
  {
    name: "loki",
    tier: "monitoring",
    kind: "stateful",
    optional: true,
    image: { pull: baseImage("loki") },
    uid: 10001,
    command: [`-config.file=${FILES}/loki.yml`],
    config: { "loki.yml": content("monitoring/loki/loki.yml", { retention: atLeastADay(settings.retention.logs) }) },
    volumes: [{ name: "loki-data", path: "/loki", keep: "data" }],
    networks: ["monitoring"],
    port: 3100,
    publish: { loki: 3100 },
    metrics: {},
    // Its image has nothing but the program, which asks itself. It says it is not ready for the first 15 seconds.
    health: healthCheck.bare(["loki", "-health"], { startPeriod: 60 }),
    // Ready would take it 15 seconds.
    rehearsal: { command: [`-config.file=${FILES}/loki.yml`, "-verify-config"] },
    limits: { memory: 512, cpus: 0.5, least: 192 },
  },
];

/** Loki's index has one table a day, and less is not deleted. */
const atLeastADay = (retention: string): string =>
  retention.endsWith("h") && Number.parseInt(retention) < 24 ? "24h" : retention;

export const collectorImage = ({ isOn, baseImage }: MonitoringArgs): Record<string, ImageSpec> =>
  !isOn("collector") || !(isOn("loki") || isOn("jaeger"))
    ? {}
    : {
        collector: {
          context: "services/collector",
          target: "runtime",
          args: { COLLECTOR_IMAGE: baseImage("collector"), NODE_EXPORTER_IMAGE: baseImage("nodeExporter") },
        },
      };

const COLLECTOR_OTLP = 4318;
/** Where applications send spans; undefined where nobody takes them. */
export const tracesUrl = ({ isOn }: Args): string | undefined =>
  isOn("jaeger") && isOn("collector") ? `http://collector:${COLLECTOR_OTLP}` : undefined;

/**
 * Lines of the engine's log files to Loki, spans to Jaeger. Without either it has nobody to send to, and is not there.
 */
export function collector({ stack, settings, isOn }: MonitoringArgs): ServiceSpec[] {
  const pipelines = [...(isOn("loki") ? ["logs"] : []), ...(isOn("jaeger") ? ["traces"] : [])];
  if (!pipelines.length && isOn("collector")) return [];
  const { system, environment } = settings;
  const files = ["collector", ...pipelines].map((name) => `${name}.yml`);
  const configuration = files.map((file) => `--config=${FILES}/${file}`);
  return [
    {
      name: "collector",
      tier: "monitoring",
      kind: "stateful",
      optional: true,
      image: { build: "collector" },
      uid: 0,
      // Without the gate the position in a file moves on before Loki has the line, and a crash meanwhile loses it.
      command: ["--feature-gates=stanza.synchronousLogEmitter", ...configuration],
      config: Object.fromEntries(
        files.map((file) => [file, content(`monitoring/collector/${file}`, { stack, system, environment })]),
      ),
      volumes: [{ name: "collector-data", path: "/var/lib/otelcol", keep: "scratch" }],
      ...(isOn("loki") ? { hostMounts: { [`${settings.dockerRoot}/containers`]: "/var/lib/docker/containers" } } : {}),
      networks: ["monitoring"],
      port: 8888,
      metrics: {},
      after: [...(isOn("loki") ? ["loki"] : []), ...(isOn("jaeger") ? ["jaeger"] : [])],
      health: healthCheck.wget("http://127.0.0.1:13133/"),
      // Started, it would read every log file of the engine from its beginning.
      rehearsal: { command: ["validate", ...configuration] },
      limits: { memory: 128, cpus: 0.5, least: 96 },
      stopGrace: 10,
    },
  ];
}

export const jaeger = ({ baseImage }: MonitoringArgs): ServiceSpec => ({
  name: "jaeger",
  tier: "monitoring",
  kind: "stateful",
  optional: true,
  image: { pull: baseImage("jaeger") },
  uid: 10001,
  // Traces are kept in memory, as many as fit: ten spans of 2 KB each. The receivers' addresses are said, because their
  // default is not the same in all releases.
  command: [
    "--memory.max-traces=5000",
    "--collector.otlp.http.host-port=0.0.0.0:4318",
    "--collector.otlp.grpc.host-port=0.0.0.0:4317",
  ],
  networks: ["monitoring"],
  port: 16686,
  publish: { jaeger: 16686 },
  metrics: { port: 14269 },
  health: healthCheck.wget("http://127.0.0.1:14269/"),
  limits: { memory: 256, cpus: 0.5 },
  stopGrace: 10,
});
