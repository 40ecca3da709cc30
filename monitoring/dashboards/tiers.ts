/** One page a tier: what its containers use, and what its services do. */
import type { Tier } from "../../plan/types.ts";
import { type Dashboard, graph, number, orZeroOf, query, type Row } from "../panels.ts";
import { application, byRoute, edge, quantile } from "./requests.ts";

/** The metrics of a container carry the tier of its service. */
const containers = (tier: Tier): Row => ({
  title: "Containers",
  panels: [
    graph(
      "Memory, of the limit",
      "percentunit",
      query(
        `container_memory_used_bytes{tier="${tier}"} / container_memory_limit_bytes{tier="${tier}"}`,
        "{{container}}",
      ),
    ),
    graph("Cores", "short", query(`rate(container_cpu_seconds_total{tier="${tier}"}[5m])`, "{{container}}")),
    graph(
      "Held back by the limit of cores",
      "percentunit",
      query(`rate(container_cpu_throttled_seconds_total{tier="${tier}"}[5m])`, "{{container}}"),
    ),
    graph("Restarts", "short", query(`increase(container_restarts_total{tier="${tier}"}[15m])`, "{{container}}")),
  ],
});

const network = (tier: Tier): Row => ({
  title: "Network",
  panels: (["receive", "transmit"] as const).map((way) =>
    graph(
      way,
      "Bps",
      query(`sum by (service) (rate(container_network_${way}_bytes_total{tier="${tier}"}[5m]))`, "{{service}}"),
    ),
  ),
});

export const edgeTier = (tls: boolean): Dashboard => ({
  name: "edge",
  rows: [
    { title: "Routes", panels: byRoute },
    {
      title: "nginx",
      panels: [
        graph("Answers", "reqps", query(`sum by (status) (${edge.rate()})`, "{{status}}")),
        graph("Connections", "short", query("edge_connections", "{{state}}")),
        graph("In the routes", "short", query("edge_upstream_up", "{{container}}")),
        ...(tls
          ? [number("Certificate ends", "dateTimeFromNow", "edge_certificate_expiry_timestamp_seconds * 1000")]
          : []),
      ],
    },
    containers("edge"),
    network("edge"),
  ],
});

/** @param rows What the system's applications are for. */
export const appTier = (rows: readonly Row[]): Dashboard => ({
  name: "app",
  rows: [
    {
      title: "Requests",
      panels: [
        graph("Requests", "reqps", query(`sum by (service) (${application.rate()})`, "{{service}}")),
        graph(
          "Errors",
          "reqps",
          query(
            orZeroOf(`sum by (service) (${application.errors()})`, `sum by (service) (${application.rate()})`),
            "{{service}}",
          ),
        ),
        graph("95 % within", "s", query(quantile(0.95, application.buckets(), "service, "), "{{service}}")),
        graph("In progress", "short", query("sum by (service) (http_requests_in_progress)", "{{service}}")),
      ],
    },
    {
      title: "Routes",
      panels: [
        graph(
          "Requests",
          "reqps",
          query(`sum by (service, method, route) (${application.rate()})`, "{{service}} {{method}} {{route}}"),
        ),
        graph(
          "Errors",
          "reqps",
          query(
            orZeroOf(
              `sum by (service, method, route) (${application.errors()})`,
              `sum by (service, method, route) (${application.rate()})`,
            ),
            "{{service}} {{method}} {{route}}",
          ),
        ),
        graph(
          "95 % within",
          "s",
          query(quantile(0.95, application.buckets(), "service, method, route, "), "{{service}} {{method}} {{route}}"),
        ),
      ],
    },
    {
      title: "What they need",
      panels: [
        graph(
          "Dependencies",
          "short",
          query("min by (service, dependency) (dependency_up)", "{{service}} {{dependency}}"),
        ),
      ],
    },
    ...rows,
    containers("app"),
    network("app"),
  ],
});

/** @param rows Those of the system's stores. */
export const dataTier = (rows: readonly Row[]): Dashboard => ({ name: "data", rows: [...rows, containers("data")] });

export const monitoringTier = (alertmanager: boolean): Dashboard => ({
  name: "monitoring",
  rows: [
    {
      title: "Prometheus",
      panels: [
        graph("Targets up", "short", query("sum by (service) (up)", "{{service}}")),
        graph("Time to scrape", "s", query("max by (service) (scrape_duration_seconds)", "{{service}}")),
        graph("Series", "short", query("prometheus_tsdb_head_series", "series")),
        graph(
          "On disk",
          "bytes",
          query("prometheus_tsdb_storage_blocks_bytes", "blocks"),
          query("prometheus_tsdb_wal_storage_size_bytes", "newest"),
        ),
      ],
    },
    ...(alertmanager
      ? [
          {
            title: "Alerts",
            panels: [
              graph("Alerts", "short", query('sum by (alertname) (ALERTS{alertstate="firing"})', "{{alertname}}")),
              graph(
                "Sent",
                "short",
                query("sum by (integration) (increase(alertmanager_notifications_total[15m]))", "{{integration}}"),
              ),
              graph(
                "Not sent",
                "short",
                query(
                  "sum by (integration) (increase(alertmanager_notifications_failed_total[15m]))",
                  "{{integration}}",
                ),
              ),
            ],
          },
        ]
      : []),
    containers("monitoring"),
  ],
});
