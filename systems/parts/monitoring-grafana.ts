/**
 * Grafana: data sources and dashboards come from files, so that a lost volume
 * costs nothing but what people drew by hand.
 */
import { dashboards } from "../../monitoring/dashboards/index.ts";
import { type Drawings, render } from "../../monitoring/panels.ts";
import { FILES, secretPath } from "../../plan/files.ts";
import { healthCheck } from "../../plan/health.ts";
import type { ServiceSpec } from "../../plan/types.ts";
import { content } from "./content.ts";
import type { MonitoringArgs } from "./monitoring-keys.ts";

/** JSON is YAML. */
const yaml = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/**
 * @param services Every other service that is on, but for Prometheus.
 * @param drawings What the system and its stores add to the dashboards.
 */
export function grafana(
  args: MonitoringArgs,
  services: readonly ServiceSpec[],
  drawings: readonly Drawings[],
): ServiceSpec {
  const { settings, baseImage } = args;
  const shown = [
    ...services.filter(({ kind }) => kind !== "job"),
    { name: "prometheus", tier: "monitoring", metrics: {} } as const,
  ];
  const drawn = dashboards({ system: settings.system, services: shown, tls: args.has("tlsCertificate"), drawings });
  return {
    name: "grafana",
    tier: "monitoring",
    kind: "stateful",
    optional: true,
    image: { pull: baseImage("grafana") },
    uid: 472,
    entrypoint: ["sh", `${FILES}/start.sh`],
    environment: {
      GF_SECURITY_ADMIN_PASSWORD__FILE: secretPath("admin-password"),
      GF_PATHS_PROVISIONING: FILES,
      GF_LOG_MODE: "console",
      GF_USERS_ALLOW_SIGN_UP: false,
      GF_SECURITY_DISABLE_GRAVATAR: true,
      // It has no way out, and should not look for one.
      GF_ANALYTICS_REPORTING_ENABLED: false,
      GF_ANALYTICS_CHECK_FOR_UPDATES: false,
      GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES: false,
      GF_NEWS_NEWS_FEED_ENABLED: false,
      GF_PLUGINS_PREINSTALL_DISABLED: true,
    },
    config: {
      "start.sh": content("monitoring/grafana/start.sh"),
      "datasources/berth.yml": yaml(dataSources(args)),
      "dashboards/berth.yml": yaml({
        apiVersion: 1,
        providers: [
          {
            name: "berth",
            type: "file",
            disableDeletion: true,
            allowUiUpdates: false,
            options: { path: `${FILES}/dashboards` },
          },
        ],
      }),
      ...Object.fromEntries(
        drawn.map((dashboard) => [`dashboards/${dashboard.name}.json`, render(settings.system, dashboard)]),
      ),
    },
    secrets: { "admin-password": "@{grafanaAdminPassword}" },
    volumes: [{ name: "grafana-data", path: "/var/lib/grafana", keep: "data" }],
    networks: ["monitoring"],
    port: 3000,
    publish: { grafana: 3000 },
    metrics: {},
    health: healthCheck.wget("http://127.0.0.1:3000/api/health", { startPeriod: 90 }),
    limits: { memory: 512, cpus: 1, least: 192 },
  };
}

function dataSources({ settings, isOn }: MonitoringArgs): unknown {
  const source = (name: string, type: string, url: string, more: object = {}) => ({
    name,
    uid: type,
    type,
    access: "proxy",
    url,
    editable: false,
    ...more,
  });
  // Grafana would take one dollar sign for a variable of its environment.
  const trace = {
    name: "trace_id",
    matcherRegex: '"trace_id": ?"(\\w+)"',
    datasourceUid: "jaeger",
    url: "$${__value.raw}",
  };
  // VictoriaLogs does not speak Loki's language, and its own plug-in is not in the image: it has a page of its own.
  const optional = [
    {
      isOn: settings.logs === "loki" && isOn("loki"),
      source: source(
        "Loki",
        "loki",
        "http://loki:3100",
        isOn("jaeger") ? { jsonData: { derivedFields: [trace] } } : {},
      ),
    },
    { isOn: isOn("jaeger"), source: source("Jaeger", "jaeger", "http://jaeger:16686") },
  ];
  return {
    apiVersion: 1,
    // What was switched off later stays in Grafana's database otherwise.
    deleteDatasources: optional.filter((entry) => !entry.isOn).map(({ source: { name } }) => ({ name, orgId: 1 })),
    datasources: [
      source("Prometheus", "prometheus", "http://prometheus:9090", {
        isDefault: true,
        jsonData: { timeInterval: "15s" },
      }),
      ...optional.filter((entry) => entry.isOn).map((entry) => entry.source),
    ],
  };
}
