/** The monitoring tier. A service is scraped, and drawn, because its spec is there; there is no list to keep. */
import type { Drawings } from "../../monitoring/panels.ts";
import type { ServiceSpec } from "../../plan/types.ts";
import { grafana } from "./monitoring-grafana.ts";
import type { MonitoringArgs } from "./monitoring-keys.ts";
import { collector, jaeger, logs } from "./monitoring-logs.ts";
import { nodeExporter } from "./monitoring-machine.ts";
import { alertmanager, prometheus } from "./monitoring-metrics.ts";

export interface Monitored {
  /** The system's other services. */
  readonly services: readonly ServiceSpec[];
  /** What speaks Prometheus's language for its stores. */
  readonly exporters: readonly ServiceSpec[];
  /** What the system and its stores add to the dashboards. */
  readonly drawings: readonly Drawings[];
  /** Files of monitoring/rules that its stores bring. */
  readonly rules: readonly string[];
}

export function monitoring(args: MonitoringArgs, { services, exporters, drawings, rules }: Monitored): ServiceSpec[] {
  const isOn = ({ name, optional }: ServiceSpec) => !optional || args.isOn(name);
  const others = [...exporters, alertmanager(args), logs(args), jaeger(args), ...collector(args)];
  const node = nodeExporter(args, [...services, ...others].filter(isOn));
  const drawing = grafana(args, [...services, ...others, node].filter(isOn), drawings);
  return [...others, node, drawing, prometheus(args, [...services, ...others, node, drawing], rules)];
}
