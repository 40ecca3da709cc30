/** A row for each service: is it there, what does it do, how well, how full is it, does it keep falling over. */
import { inOrder } from "../../plan/order.ts";
import type { ServiceSpec } from "../../plan/types.ts";
import { type Dashboard, type Drawings, number, orZero, type Panel, query, type Row, share } from "../panels.ts";
import { application, edge, quantile, type Requests } from "./requests.ts";

export type Service = Pick<ServiceSpec, "name" | "tier" | "metrics">;

type Drawn = NonNullable<Drawings["services"]>[string];

/** @param drawn Services that are drawn in a way of their own. */
export const overview = (services: readonly Service[], drawn: NonNullable<Drawings["services"]>): Dashboard => ({
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
      .sort((a, b) => TIERS.indexOf(a.tier) - TIERS.indexOf(b.tier) || inOrder(a.name, b.name))
      .map((service) => row(service, { ...EDGE, ...drawn }[service.name])),
  ],
});

const TIERS: readonly Service["tier"][] = ["edge", "app", "data", "monitoring"];

function row({ name, tier, metrics }: Service, own: Drawn = {}): Row {
  const only = `service="${name}"`;
  const work = own.work ?? (tier === "app" && metrics ? requests(application, only) : []);
  return {
    title: name,
    panels: [
      number("Up", "short", own.up ?? (metrics ? `sum(up{${only}})` : `count(container_cpu_seconds_total{${only}})`)),
      ...work,
      number(
        "Saturation",
        "percentunit",
        query(`max(container_memory_used_bytes{${only}} / container_memory_limit_bytes{${only}})`, "memory"),
        query(`max(rate(container_cpu_seconds_total{${only}}[5m]) / container_cpu_limit_cores{${only}})`, "cpu"),
      ),
      number("Restarts in an hour", "short", `sum(increase(container_restarts_total{${only}}[1h]))`),
    ],
  };
}

const requests = (kind: Requests, only?: string): Panel[] => [
  number("Requests", "reqps", orZero(`sum(${kind.rate(only)})`)),
  number("Errors", "percentunit", share(`sum(${kind.errors(only)})`, `sum(${kind.rate(only)})`)),
  number("95 % within", "s", orZero(quantile(0.95, kind.buckets(only)))),
];

const EDGE = { edge: { work: requests(edge) } };
