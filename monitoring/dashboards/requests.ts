/** Rate, errors and duration, as the applications and the edge count them. */
import { graph, orZeroOf, type Panel, query } from "../panels.ts";

/** The platform's own questions are left out: there are so many that they would hide the rest. */
export const ASKED = 'route!~"/health|/ready|/metrics"';

/** Expressions over one kind of counters. `only` is a label matcher, and may be empty. */
export interface Requests {
  readonly rate: (only?: string) => string;
  readonly errors: (only?: string) => string;
  readonly buckets: (only?: string) => string;
}

const matchers = (...given: (string | undefined)[]): string => `{${given.filter(Boolean).join(", ")}}`;

export const application: Requests = {
  rate: (only) => `rate(http_requests_total${matchers(only, ASKED)}[5m])`,
  errors: (only) => `rate(http_requests_total${matchers(only, 'status=~"5.."', ASKED)}[5m])`,
  buckets: (only) => `rate(http_request_duration_seconds_bucket${matchers(only, ASKED)}[5m])`,
};

export const edge: Requests = {
  rate: (only) => `rate(edge_route_requests_total${matchers(only)}[5m])`,
  errors: (only) => `rate(edge_route_requests_total${matchers(only, 'status=~"5.."')}[5m])`,
  buckets: (only) => `rate(edge_route_duration_seconds_bucket${matchers(only)}[5m])`,
};

/** @param by Labels that the answer keeps, such as `service, `. */
export const quantile = (at: number, buckets: string, by = ""): string =>
  `histogram_quantile(${at}, sum by (${by}le) (${buckets}))`;

/** What the edge sees of each route. */
export const byRoute: readonly Panel[] = [
  graph("Requests", "reqps", query(`sum by (route) (${edge.rate()})`, "{{route}}")),
  graph(
    "Errors",
    "reqps",
    query(orZeroOf(`sum by (route) (${edge.errors()})`, `sum by (route) (${edge.rate()})`), "{{route}}"),
  ),
  graph("95 % within", "s", query(quantile(0.95, edge.buckets(), "route, "), "{{route}}")),
];
