/** What Grafana dashboards are made of, as small typed pieces. Pure; the ids are fixed, so that links keep working. */

export type Unit = "short" | "s" | "reqps" | "ops" | "percentunit" | "bytes" | "Bps" | "dateTimeFromNow";
export interface Query {
  readonly expr: string;
  readonly legend: string;
}
export interface Panel {
  readonly title: string;
  readonly unit: Unit;
  readonly queries: readonly Query[];
  /** @default timeseries */
  readonly kind?: "timeseries" | "stat" | "logs";
  /** Where it asks. @default prometheus */
  readonly source?: "prometheus" | "loki";
}
/** Panels side by side, as wide as there is room. */
export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}
export interface Dashboard {
  readonly name: string;
  readonly rows: readonly Row[];
}
/** What a store or a system adds to the dashboards of every system. */
export interface Drawings {
  /**
   * Service → its row of the overview: an expression that is 1 while it is up, and what takes the place of requests.
   * @default what Prometheus and the engine say of its containers; requests of an application, and nothing of others
   */
  readonly services?: Readonly<Record<string, { readonly up?: string; readonly work?: readonly Panel[] }>>;
  /** Rows of the page of its tier, before the containers. */
  readonly rows?: Readonly<Partial<Record<"app" | "data", readonly Row[]>>>;
  /** What is seen of a release, besides the edge's view of it. */
  readonly releases?: readonly Panel[];
  /** Pages of its own. */
  readonly pages?: readonly Dashboard[];
  /** Names of the metrics that it may ask for, besides those of every system (monitoring/metrics.ts). */
  readonly metrics: readonly string[];
}

const [WIDTH, HEIGHT] = [24, 8];

export const query = (expr: string, legend = ""): Query => ({ expr, legend });
export const graph = (title: string, unit: Unit, ...queries: Query[]): Panel => ({ title, unit, queries });
/** One figure, or a few with their names. */
export const number = (title: string, unit: Unit, ...queries: (Query | string)[]): Panel => ({
  title,
  unit,
  kind: "stat",
  queries: queries.map((one) => (typeof one === "string" ? query(one) : one)),
});
export const logs = (title: string, expr: string): Panel => ({
  title,
  unit: "short",
  kind: "logs",
  source: "loki",
  queries: [query(expr)],
});

/** What has not happened yet is 0: an empty panel would be taken for a broken one. Not a number counts as nothing. */
export const orZero = (expr: string): string => `(${expr}) >= 0 or vector(0)`;
/** The same by label: 0 for each that `all` has. */
export const orZeroOf = (expr: string, all: string): string => `(${expr}) or 0 * (${all})`;
export const share = (some: string, all: string): string => orZero(`((${some}) or vector(0)) / ((${all}) > 0)`);

/** Marks in every panel when a release went live. */
export const RELEASES = "edge_release_timestamp_seconds * 1000";

/** Every expression that Prometheus is asked. */
export const expressionsOf = (dashboards: readonly Dashboard[]): string[] => [
  RELEASES,
  ...dashboards
    .flatMap(({ rows }) => rows)
    .flatMap(({ panels }) => panels)
    .filter(({ source }) => source !== "loki")
    .flatMap(({ queries }) => queries.map(({ expr }) => expr)),
];

/** The file that Grafana reads. */
export function render(system: string, { name, rows }: Dashboard): string {
  const panels = rows
    .flatMap((row, index) => {
      const y = index * (HEIGHT + 1);
      const width = Math.floor(WIDTH / row.panels.length);
      return [
        { type: "row", title: row.title, collapsed: false, panels: [], gridPos: { x: 0, y, w: WIDTH, h: 1 } },
        ...row.panels.map((panel, column) => grafanaPanel(panel, { x: column * width, y: y + 1, w: width, h: HEIGHT })),
      ];
    })
    .map((panel, index) => ({ id: index + 1, ...panel }));
  return `${JSON.stringify(
    {
      uid: `berth-${system}-${name}`,
      title: `${system}: ${name}`,
      panels,
      schemaVersion: 39,
      editable: false,
      refresh: "30s",
      timezone: "browser",
      time: { from: "now-3h", to: "now" },
      tags: ["berth"],
      links: [{ type: "dashboards", tags: ["berth"], title: "dashboards", asDropdown: true, keepTime: true }],
      annotations: {
        list: [
          {
            name: "releases",
            enable: true,
            datasource: datasource("prometheus"),
            expr: RELEASES,
            useValueForTime: true,
            titleFormat: "release",
            step: "60s",
          },
        ],
      },
    },
    null,
    1,
  )}\n`;
}

const datasource = (type: "prometheus" | "loki") => ({ type, uid: type });

const OPTIONS = {
  stat: { reduceOptions: { calcs: ["lastNotNull"] }, colorMode: "none" },
  timeseries: { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi" } },
  logs: { showTime: true, wrapLogMessage: true, sortOrder: "Descending" },
};

const grafanaPanel = (
  { title, unit, queries, kind = "timeseries", source = "prometheus" }: Panel,
  gridPos: Readonly<Record<"x" | "y" | "w" | "h", number>>,
) => ({
  type: kind,
  title,
  gridPos,
  datasource: datasource(source),
  fieldConfig: { defaults: { unit, ...(kind === "timeseries" ? { min: 0 } : {}) }, overrides: [] },
  options: OPTIONS[kind],
  targets: queries.map(({ expr, legend }, index) => ({
    refId: String.fromCharCode(65 + index),
    datasource: datasource(source),
    expr,
    legendFormat: legend,
    ...(source === "prometheus" ? { instant: kind === "stat" } : { queryType: "range" }),
  })),
});
