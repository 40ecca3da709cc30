/** Grafana dashboards from small typed pieces. Pure; the ids are fixed, so that links keep working. */

export type Unit = "short" | "s" | "reqps" | "ops" | "percentunit" | "bytes";
export interface Query { readonly expr: string; readonly legend: string }
export interface Panel {
  readonly title: string;
  readonly unit: Unit;
  readonly queries: readonly Query[];
  /** @default timeseries */
  readonly kind?: "timeseries" | "stat";
}
/** Panels side by side, as wide as there is room. */
export interface Row { readonly title: string; readonly panels: readonly Panel[] }

/** Data stores that the system has. */
export interface Parts { readonly postgres: boolean; readonly redis: boolean }

const DATASOURCE = { type: "prometheus", uid: "prometheus" };
const [WIDTH, HEIGHT] = [24, 8];

const query = (expr: string, legend: string): Query => ({ expr, legend });
const graph = (title: string, unit: Unit, ...queries: Query[]): Panel => ({ title, unit, queries });
const number = (title: string, unit: Unit, expr: string): Panel => ({ title, unit, kind: "stat", queries: [query(expr, "")] });

/** The platform's own questions are left out: there are so many that they would hide the rest. */
const REQUESTS = 'route!~"/health|/ready|/metrics"';
const latency = (quantile: number): Query => query(
  `histogram_quantile(${quantile}, sum by (service, le) (rate(http_request_duration_seconds_bucket{${REQUESTS}}[5m])))`, `{{service}} p${quantile * 100}`);

/** One page that answers: is it up, is it fast, is it full. */
export const overviewRows = ({ postgres, redis }: Parts): Row[] => [
  { title: "Now", panels: [
    number("Targets that do not answer", "short", "count(up == 0) or vector(0)"),
    number("Requests at the edge", "reqps", "sum(rate(edge_requests_total[5m]))"),
    number("Containers out of the routes", "short", "count(edge_upstream_up == 0) or vector(0)"),
    number("Errors", "percentunit",
      `(sum(rate(http_requests_total{status=~"5..", ${REQUESTS}}[5m])) or vector(0)) / sum(rate(http_requests_total{${REQUESTS}}[5m]))`),
  ] },
  { title: "Requests", panels: [
    graph("Requests", "reqps", query(`sum by (service) (rate(http_requests_total{${REQUESTS}}[5m]))`, "{{service}}")),
    graph("Errors", "reqps", query(`sum by (service, status) (rate(http_requests_total{status=~"5..", ${REQUESTS}}[5m]))`, "{{service}} {{status}}")),
    graph("Time to answer", "s", latency(0.5), latency(0.95)),
  ] },
  { title: "Applications", panels: [
    graph("Memory", "bytes", query('process_resident_memory_bytes{tier="app"}', "{{service}} {{instance}}")),
    graph("Database connections", "short",
      query("sum by (service, state) (db_pool_connections)", "{{service}} {{state}}"), query("sum by (service) (db_pool_waiting_requests)", "{{service}} waiting")),
    graph("Connections at the edge", "short", query("edge_connections", "{{state}}")),
  ] },
  ...(postgres ? [{ title: "PostgreSQL", panels: [
    graph("Connections", "short", query("sum by (datname) (pg_stat_database_numbackends)", "{{datname}}"), query("max(pg_settings_max_connections)", "limit")),
    graph("Transactions", "ops",
      query("sum(rate(pg_stat_database_xact_commit[5m]))", "committed"), query("sum(rate(pg_stat_database_xact_rollback[5m]))", "rolled back")),
    graph("Size", "bytes", query("pg_database_size_bytes", "{{datname}}")),
  ] }] : []),
  ...(redis ? [{ title: "Redis", panels: [
    graph("Memory", "bytes", query("redis_memory_used_bytes", "used"), query("redis_memory_max_bytes", "limit")),
    graph("Commands", "ops", query("rate(redis_commands_processed_total[5m])", "commands"), query("rate(redis_evicted_keys_total[5m])", "evicted keys")),
    graph("Jobs that wait", "short", query("redis_script_values", "{{key}}")),
  ] }] : []),
];

/** `overview.json` of a system. */
export const overview = (system: string, parts: Parts): string => dashboard(`berth-${system}-overview`, `${system}: overview`, overviewRows(parts));

function dashboard(uid: string, title: string, rows: readonly Row[]): string {
  const panels = rows.flatMap((row, index) => {
    const y = index * (HEIGHT + 1);
    const width = Math.floor(WIDTH / row.panels.length);
    return [
      { type: "row", title: row.title, collapsed: false, panels: [], gridPos: { x: 0, y, w: WIDTH, h: 1 } },
      ...row.panels.map((panel, column) => grafanaPanel(panel, { x: column * width, y: y + 1, w: width, h: HEIGHT })),
    ];
  }).map((panel, index) => ({ id: index + 1, ...panel }));
  return `${JSON.stringify({
    uid, title, panels, schemaVersion: 39, editable: false, refresh: "30s", timezone: "browser", time: { from: "now-3h", to: "now" }, tags: ["berth"],
  }, null, 1)}\n`;
}

const grafanaPanel = ({ title, unit, queries, kind = "timeseries" }: Panel, gridPos: Readonly<Record<"x" | "y" | "w" | "h", number>>) => ({
  type: kind, title, gridPos, datasource: DATASOURCE,
  fieldConfig: { defaults: { unit, ...(kind === "timeseries" ? { min: 0 } : {}) }, overrides: [] },
  options: kind === "stat" ? { reduceOptions: { calcs: ["lastNotNull"] }, colorMode: "none" } : { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi" } },
  targets: queries.map(({ expr, legend }, index) => ({ refId: String.fromCharCode(65 + index), datasource: DATASOURCE, expr, legendFormat: legend, instant: kind === "stat" })),
});
