/** A row for each service: is it there, what does it do, how well, how full is it, does it keep falling over. */
import type { ServiceSpec } from "../../plan/types.ts";
import { type Dashboard, number, orZero, type Panel, query, type Row, share } from "../panels.ts";
import { application, edge, quantile, type Requests } from "./requests.ts";

export type Service = Pick<ServiceSpec, "name" | "tier" | "metrics">;

export const overview = (services: readonly Service[]): Dashboard => ({
  name: "overview",
  rows: [
    {
      title: "Now",
      panels: [
        number("Targets that do not answer", "short", "count(up == 0) or vector(0)"),
        number("Alerts", "short", 'count(ALERTS{alertstate="firing", alertname!="Watchdog"}) or vector(0)'),
        number("Requests at the edge", "reqps", orZero(`sum(${edge.rate()})`)),
        number("Errors at the edge", "percentunit", share(`sum(${edge.errors()})`, `sum(${edge.rate()})`)),
        number("Containers out of the routes", "short", "count(edge_upstream_up == 0) or vector(0)"),
        number("Last release", "dateTimeFromNow", "max(edge_release_timestamp_seconds) * 1000"),
      ],
    },
    ...[...services]
      .sort((a, b) => TIERS.indexOf(a.tier) - TIERS.indexOf(b.tier) || a.name.localeCompare(b.name))
      .map(row),
  ],
});

const TIERS: readonly Service["tier"][] = ["edge", "app", "data", "monitoring"];

function row({ name, tier, metrics }: Service): Row {
  const own = `service="${name}"`;
  const work = WORK[name] ?? (tier === "app" && metrics ? requests(application, own) : []);
  return {
    title: name,
    panels: [
      number("Up", "short", UP[name] ?? (metrics ? `sum(up{${own}})` : `count(container_cpu_seconds_total{${own}})`)),
      ...work,
      number(
        "Saturation",
        "percentunit",
        query(`max(container_memory_used_bytes{${own}} / container_memory_limit_bytes{${own}})`, "memory"),
        query(`max(rate(container_cpu_seconds_total{${own}}[5m]) / container_cpu_limit_cores{${own}})`, "cpu"),
      ),
      number("Restarts in an hour", "short", `sum(increase(container_restarts_total{${own}}[1h]))`),
    ],
  };
}

const requests = (kind: Requests, only?: string): Panel[] => [
  number("Requests", "reqps", orZero(`sum(${kind.rate(only)})`)),
  number("Errors", "percentunit", share(`sum(${kind.errors(only)})`, `sum(${kind.rate(only)})`)),
  number("95 % within", "s", orZero(quantile(0.95, kind.buckets(only)))),
];

/** Databases do not answer Prometheus themselves. */
const UP: Readonly<Record<string, string>> = { postgres: "max(pg_up)", redis: "max(redis_up)" };

/** What takes the place of requests where there are none. */
const WORK: Readonly<Record<string, Panel[]>> = {
  edge: requests(edge),
  worker: [
    number("Jobs", "ops", orZero('sum(rate(assistant_jobs_finished_total{service="worker"}[5m]))')),
    number(
      "Errors",
      "percentunit",
      share(
        'sum(rate(assistant_jobs_finished_total{outcome=~"failed|timed out"}[5m]))',
        "sum(rate(assistant_jobs_finished_total[5m]))",
      ),
    ),
    number(
      "95 % within",
      "s",
      orZero(quantile(0.95, 'rate(assistant_job_runtime_seconds_bucket{service="worker"}[5m])')),
    ),
  ],
  postgres: [
    number("Transactions", "ops", "sum(rate(pg_stat_database_xact_commit[5m]))"),
    number(
      "Rolled back",
      "percentunit",
      share("sum(rate(pg_stat_database_xact_rollback[5m]))", "sum(rate(pg_stat_database_xact_commit[5m]))"),
    ),
    number(
      "Mean statement",
      "s",
      share("sum(rate(pg_stat_statements_seconds_total[5m]))", "sum(rate(pg_stat_statements_calls_total[5m]))"),
    ),
  ],
  redis: [
    number("Commands", "ops", "sum(rate(redis_commands_processed_total[5m]))"),
    number(
      "Error replies",
      "percentunit",
      share("sum(rate(redis_total_error_replies[5m]))", "sum(rate(redis_commands_processed_total[5m]))"),
    ),
    number(
      "Mean command",
      "s",
      share("sum(rate(redis_commands_duration_seconds_total[5m]))", "sum(rate(redis_commands_total[5m]))"),
    ),
  ],
};
