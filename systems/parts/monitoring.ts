/** The monitoring tier. A service is scraped because its spec has `metrics`; there is no list to keep. */
import type { CatalogueArgs, ServiceSpec } from "../../plan/types.ts";
import { nodeExporter, postgresExporter, redisExporter } from "./monitoring-exporters.ts";
import { jaeger, loki, vector } from "./monitoring-logs.ts";
import { alertmanager, prometheus } from "./monitoring-metrics.ts";
import { grafana } from "./monitoring-grafana.ts";

/** @param services The system's other services. */
export function monitoring(args: CatalogueArgs, services: readonly ServiceSpec[]): ServiceSpec[] {
  const others = [
    ...postgresExporter(args, services), ...redisExporter(args, services),
    alertmanager(args), ...loki(args), ...vector(args), jaeger(args), grafana(args, services),
  ];
  const node = nodeExporter(args, [...services, ...others].filter(({ name, optional }) => !optional || args.isOn(name)));
  return [...others, node, prometheus(args, [...services, ...others, node])];
}
