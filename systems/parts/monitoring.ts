/** The monitoring tier. A service is scraped, and drawn, because its spec is there; there is no list to keep. */
import type { CatalogueArgs, ServiceSpec } from "../../plan/types.ts";
import { nodeExporter, postgresExporter, redisExporter } from "./monitoring-exporters.ts";
import { collector, jaeger, loki } from "./monitoring-logs.ts";
import { alertmanager, prometheus } from "./monitoring-metrics.ts";
import { grafana } from "./monitoring-grafana.ts";

/** @param services The system's other services. */
export function monitoring(args: CatalogueArgs, services: readonly ServiceSpec[]): ServiceSpec[] {
  const isOn = ({ name, optional }: ServiceSpec) => !optional || args.isOn(name);
  const others = [
    ...postgresExporter(args, services),
    ...redisExporter(args, services),
    alertmanager(args),
    ...loki(args),
    jaeger(args),
    ...collector(args),
  ];
  const node = nodeExporter(args, [...services, ...others].filter(isOn));
  const drawing = grafana(args, [...services, ...others, node].filter(isOn));
  return [...others, node, drawing, prometheus(args, [...services, ...others, node, drawing])];
}
