/** Services to Prometheus's configuration. Pure: the same services always give the same text. */
import { inOrder } from "./order.ts";
import { pace } from "./pace.ts";
import type { ServiceSpec, Tier } from "./types.ts";

export interface ScrapeArgs {
  readonly system: string;
  readonly environment: string;
  readonly services: readonly ServiceSpec[];
  /** Names of rule files beside the configuration. */
  readonly rules: readonly string[];
  /** Port of the service `alertmanager`; absent: alerts are only shown in Prometheus. */
  readonly alertmanager?: number;
}

export interface Target {
  readonly service: string;
  readonly tier: Tier;
  readonly port: number;
  readonly path: string;
  readonly honorLabels?: boolean;
}

/** Every service that has metrics, by name. One whose port is unknown is refused by the plan (plan/checks). */
export function targets(services: readonly ServiceSpec[]): Target[] {
  return services
    .flatMap(({ name, tier, metrics, port }) => {
      const own = metrics?.port ?? port;
      if (metrics === undefined || own === undefined) return [];
      return {
        service: name,
        tier,
        port: own,
        path: metrics.path ?? "/metrics",
        ...(metrics.honorLabels ? { honorLabels: true } : {}),
      };
    })
    .sort((a, b) => inOrder(a.service, b.service));
}

/** `prometheus.yml`. JSON is YAML; the order of the keys is the order they are written in here. */
export function scrapeConfig(args: ScrapeArgs): string {
  const { system, environment, rules, alertmanager } = args;
  return `${JSON.stringify(
    {
      global: {
        scrape_interval: `${pace.scrape}s`,
        scrape_timeout: `${pace.scrapeTimeout}s`,
        evaluation_interval: `${pace.scrape}s`,
        external_labels: { environment, system },
      },
      rule_files: [...rules].sort(),
      ...(alertmanager === undefined
        ? {}
        : { alerting: { alertmanagers: [{ dns_sd_configs: [discover("alertmanager", alertmanager)] }] } }),
      scrape_configs: targets(args.services).map((target) => scrapeJob(target, { environment, system })),
    },
    null,
    2,
  )}\n`;
}

/**
 * Its name is a service's alias on each of its networks, so one look-up finds all
 * containers, and no release changes this text.
 */
const discover = (service: string, port: number) => ({
  names: [service],
  type: "A",
  port,
  refresh_interval: `${pace.scrape}s`,
});

/** External labels stand on what leaves Prometheus only (alerts); dashboards and rules want them on every series. */
const scrapeJob = ({ service, tier, port, path, honorLabels }: Target, common: Readonly<Record<string, string>>) => ({
  job_name: service,
  metrics_path: path,
  ...(honorLabels ? { honor_labels: true } : {}),
  dns_sd_configs: [discover(service, port)],
  relabel_configs: Object.entries({ service, tier, ...common }).map(([label, value]) => ({
    target_label: label,
    replacement: value,
  })),
});
