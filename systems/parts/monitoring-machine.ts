/** The engine's machine in Prometheus's language. The exporters of the stores: systems/stores. */
import { FILES } from "../../plan/files.ts";
import { healthCheck } from "../../plan/health.ts";
import { prefix } from "../../plan/names.ts";
import { pace } from "../../plan/pace.ts";
import type { ServiceSpec } from "../../plan/types.ts";
import { content } from "./content.ts";
import type { MonitoringArgs } from "./monitoring-keys.ts";
import { NOBODY } from "./monitoring-metrics.ts";

/**
 * The engine's machine, and CPU, memory and restarts of each container of this stack. It is on the network `data` as
 * well, because the engine tells the names of those only that share a network with it
 * (docs/decisions/0011-container-metrics.md).
 *
 * @param services Every other service that is on, but for Prometheus and Grafana.
 */
export function nodeExporter(
  { stack, settings, baseImage }: MonitoringArgs,
  services: readonly ServiceSpec[],
): ServiceSpec {
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
    image: { pull: baseImage("nodeExporter") },
    uid: NOBODY,
    entrypoint: ["sh", `${FILES}/start.sh`],
    config: {
      "start.sh": content("monitoring/machine/start.sh", {
        prefix: prefix(settings.system, stack),
        services: known,
        interval: String(pace.containers),
      }),
      "containers.awk": content("monitoring/machine/containers.awk"),
    },
    hostMounts: { "/sys/fs/cgroup": "/sys/fs/cgroup" },
    networks: ["data", "monitoring"],
    port: 9100,
    metrics: { honorLabels: true },
    // It answers, and the file about the containers is not older than a minute.
    health: healthCheck.shell(
      "wget -q -O /dev/null -T 3 http://127.0.0.1:9100/ && find /tmp/metrics/containers.prom -mmin -1 | grep -q .",
    ),
    limits: { memory: 64, cpus: 0.25, least: 32 },
    stopGrace: 5,
  };
}
