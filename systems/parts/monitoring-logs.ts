/** Logs (Loki or VictoriaLogs), traces (Jaeger), and the collector that sends them there. */
import { FILES } from "../../plan/files.ts";
import { healthCheck } from "../../plan/health.ts";
import { resolveLimits } from "../../plan/limits.ts";
import type { ImageSpec, ServiceSpec } from "../../plan/types.ts";
import type { Args } from "../part.ts";
import { content } from "./content.ts";
import type { MonitoringArgs } from "./monitoring-keys.ts";

type Logs = MonitoringArgs["settings"]["logs"];

/** Where each takes OpenTelemetry's protocol: the exporter adds `/v1/logs`. */
const TAKES_LINES: Readonly<Record<Logs, string>> = {
  loki: "http://loki:3100/otlp",
  victorialogs: "http://victorialogs:9428/insert/opentelemetry",
};

/** The service that keeps the lines; undefined where it is off. */
const keepsLines = ({ settings, isOn }: MonitoringArgs): Logs | undefined =>
  isOn(settings.logs) ? settings.logs : undefined;

export const logs = (args: MonitoringArgs): ServiceSpec => (args.settings.logs === "loki" ? loki : victorialogs)(args);

const loki = ({ settings, baseImage }: MonitoringArgs): ServiceSpec => ({
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
});

const victorialogs = ({ settings }: MonitoringArgs): ServiceSpec => ({
  name: "victorialogs",
  tier: "monitoring",
  kind: "stateful",
  optional: true,
  image: { build: "victorialogs" },
  uid: 10001,
  command: [
    "-storageDataPath=/victoria-logs-data",
    `-retentionPeriod=${atLeastADay(settings.retention.logs)}`,
    "-loggerFormat=json",
    "-loggerLevel=WARN",
  ],
  volumes: [{ name: "victorialogs-data", path: "/victoria-logs-data", keep: "data" }],
  networks: ["monitoring"],
  port: 9428,
  publish: { victorialogs: 9428 },
  metrics: {},
  health: healthCheck.wget("http://127.0.0.1:9428/health"),
  // Its caches take up to 60 % of the limit.
  limits: { memory: 256, cpus: 0.5, least: 96 },
});

/** Both delete whole days. Less, Loki does not delete, and VictoriaLogs refuses. */
const atLeastADay = (retention: string): string =>
  retention.endsWith("h") && Number.parseInt(retention) < 24 ? "24h" : retention;

/** Images of programs that come without a client which could ask for their health. */
export function monitoringImages(args: MonitoringArgs): Record<string, ImageSpec> {
  const { isOn, baseImage } = args;
  const image = (name: string, base: string): Record<string, ImageSpec> => ({
    [name]: {
      context: `services/${name}`,
      target: "runtime",
      args: { [base]: baseImage(name), NODE_EXPORTER_IMAGE: baseImage("nodeExporter") },
    },
  });
  return {
    ...(isOn("collector") && (keepsLines(args) || isOn("jaeger")) ? image("collector", "COLLECTOR_IMAGE") : {}),
    ...(keepsLines(args) === "victorialogs" ? image("victorialogs", "VICTORIALOGS_IMAGE") : {}),
  };
}

const COLLECTOR_OTLP = 4318;
/** Where applications send spans; undefined where nobody takes them. */
export const tracesUrl = ({ isOn }: Args): string | undefined =>
  isOn("jaeger") && isOn("collector") ? `http://collector:${COLLECTOR_OTLP}` : undefined;

/**
 * Lines of the engine's log files to who keeps them, spans to Jaeger. Without either it has nobody to send to, and is
 * not there.
 */
export function collector(args: MonitoringArgs): ServiceSpec[] {
  const { stack, settings, isOn } = args;
  const keeper = keepsLines(args);
  // Pipeline → who receives what comes of it.
  const pipelines = { ...(keeper ? { logs: keeper } : {}), ...(isOn("jaeger") ? { traces: "jaeger" } : {}) };
  if (isOn("collector") && !Object.keys(pipelines).length) return [];
  const { system, environment } = settings;
  const takesLines = TAKES_LINES[settings.logs];
  const files = ["collector", ...Object.keys(pipelines)].map((name) => `${name}.yml`);
  const configuration = files.map((file) => `--config=${FILES}/${file}`);
  return [
    {
      name: "collector",
      tier: "monitoring",
      kind: "stateful",
      optional: true,
      image: { build: "collector" },
      uid: 0,
      // Without the gate the position in a file moves on before anybody has the line, and a crash meanwhile loses it.
      command: ["--feature-gates=stanza.synchronousLogEmitter", ...configuration],
      config: Object.fromEntries(
        files.map((file) => [
          file,
          content(`monitoring/collector/${file}`, { stack, system, environment, takesLines }),
        ]),
      ),
      volumes: [{ name: "collector-data", path: "/var/lib/otelcol", keep: "scratch" }],
      ...(keeper ? { hostMounts: { [`${settings.dockerRoot}/containers`]: "/var/lib/docker/containers" } } : {}),
      networks: ["monitoring"],
      port: 8888,
      metrics: {},
      after: Object.values(pipelines),
      health: healthCheck.wget("http://127.0.0.1:13133/"),
      // Started, it would read every log file of the engine from its beginning.
      rehearsal: { command: ["validate", ...configuration] },
      limits: { memory: 128, cpus: 0.5, least: 96 },
      stopGrace: 10,
    },
  ];
}

const JAEGER_LIMITS = { memory: 256, cpus: 0.5, least: 128 };
/** Traces that have room: of ten spans of 2 KB each, beside the 96 MiB of the program itself. */
const tracesIn = (memory: number): number => (memory - 96) * 32;

export function jaeger({ settings, baseImage }: MonitoringArgs): ServiceSpec {
  const { memory } = resolveLimits(JAEGER_LIMITS, settings.services["jaeger"]);
  // By its words rather than as a file, which would be a volume and a container that fills it.
  const configuration = `--config=yaml:${content("monitoring/jaeger/jaeger.yml", { traces: String(tracesIn(memory)) })}`;
  return {
    name: "jaeger",
    tier: "monitoring",
    kind: "stateful",
    optional: true,
    image: { pull: baseImage("jaeger") },
    uid: 10001,
    command: [configuration],
    // Without it Go lets garbage grow as large as what is kept, and the engine ends the process.
    environment: { GOMEMLIMIT: `${Math.floor(memory * 0.8)}MiB` },
    networks: ["monitoring"],
    port: 16686,
    publish: { jaeger: 16686 },
    metrics: { port: 8888 },
    health: healthCheck.wget("http://127.0.0.1:13133/status"),
    rehearsal: { command: ["validate", configuration] },
    limits: JAEGER_LIMITS,
    stopGrace: 10,
  };
}
