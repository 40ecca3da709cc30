/** Prometheus and Alertmanager. */
import { mebibytes } from "../../config/schema.ts";
import type { SecretKey } from "../../config/secrets.ts";
import { FILES, secretPath } from "../../plan/files.ts";
import { healthCheck } from "../../plan/health.ts";
import { pace } from "../../plan/pace.ts";
import { scrapeConfig } from "../../plan/scrape.ts";
import type { ServiceSpec } from "../../plan/types.ts";
import { content } from "./content.ts";
import type { MonitoringArgs } from "./monitoring-keys.ts";

/** Uid of the user `nobody`, which the images of the Prometheus project run as. */
export const NOBODY = 65534;
const ALERTMANAGER = 9093;
const PROMETHEUS = 9090;

/** Files of monitoring/rules that every system has. Those of stores are theirs. */
const RULES = ["availability.yml", "backup.yml", "requests.yml", "resources.yml", "watchdog.yml"];

const ruleFiles = (own: readonly string[]): Record<string, string> =>
  Object.fromEntries([...RULES, ...own].sort().map((file) => [file, content(`monitoring/rules/${file}`)]));

/**
 * @param services All services but Prometheus itself.
 * @param ownRules Files of monitoring/rules that the system's stores bring.
 */
export function prometheus(
  { settings, isOn, baseImage }: MonitoringArgs,
  services: readonly ServiceSpec[],
  ownRules: readonly string[],
): ServiceSpec {
  const rules = ruleFiles(ownRules);
  const self: ServiceSpec = {
    name: "prometheus",
    tier: "monitoring",
    kind: "stateful",
    image: { pull: baseImage("prometheus") },
    uid: NOBODY,
    command: [
      `--config.file=${FILES}/prometheus.yml`,
      "--storage.tsdb.path=/prometheus",
      // Whichever comes first. Prometheus's MB are MiB.
      `--storage.tsdb.retention.time=${settings.retention.metrics}`,
      `--storage.tsdb.retention.size=${mebibytes(settings.retention.metricsSize)}MB`,
      `--rules.alert.resend-delay=${pace.resend}s`,
    ],
    volumes: [{ name: "prometheus-data", path: "/prometheus", keep: "data" }],
    networks: ["monitoring"],
    port: PROMETHEUS,
    publish: { prometheus: PROMETHEUS },
    metrics: {},
    health: healthCheck.wget(`http://127.0.0.1:${PROMETHEUS}/-/ready`, { startPeriod: 60 }),
    limits: { memory: 384, cpus: 0.5 },
  };
  return {
    ...self,
    config: {
      ...rules,
      "prometheus.yml": scrapeConfig({
        system: settings.system,
        environment: settings.environment,
        rules: Object.keys(rules),
        services: [...services, self].filter((service) => !service.optional || isOn(service.name)),
        ...(isOn("alertmanager") ? { alertmanager: ALERTMANAGER } : {}),
      }),
    },
  };
}

/** Where alerts go, by the secret that says so: file of the secret → Alertmanager's configuration of the receiver. */
const RECEIVERS: Readonly<Record<SecretKey, { readonly file?: string; readonly receiver: object }>> = {
  alertWebhookUrl: {
    file: "alert-webhook-url",
    receiver: { webhook_configs: [{ url_file: secretPath("alert-webhook-url"), send_resolved: true }] },
  },
  alertSlackUrl: {
    file: "alert-slack-url",
    receiver: {
      slack_configs: [
        {
          api_url_file: secretPath("alert-slack-url"),
          send_resolved: true,
          title:
            "{{ .Status }}: {{ .CommonLabels.alertname }} ({{ .CommonLabels.system }}, {{ .CommonLabels.environment }})",
          text: "{{ range .Alerts }}{{ .Annotations.summary }} ({{ .Annotations.runbook_url }})\n{{ end }}",
        },
      ],
    },
  },
  alertMail: { receiver: { email_configs: ["@{alertMail}"] } },
};
const HEARTBEAT = "alert-heartbeat-url";

export function alertmanager({ settings, has, baseImage }: MonitoringArgs): ServiceSpec {
  const chosen = Object.entries(RECEIVERS).filter(([key]) => has(key));
  const heartbeat = has("alertHeartbeatUrl");
  return {
    name: "alertmanager",
    tier: "monitoring",
    kind: "stateful",
    optional: true,
    image: { pull: baseImage("alertmanager") },
    uid: NOBODY,
    // One of them needs no cluster port.
    command: [
      `--config.file=${secretPath("alertmanager.yml")}`,
      "--storage.path=/alertmanager",
      "--cluster.listen-address=",
    ],
    secrets: {
      // A secret itself: how to mail has a password in it.
      "alertmanager.yml": alertmanagerConfig(
        Object.assign({}, ...chosen.map(([, { receiver }]) => receiver)) as object,
        heartbeat,
        settings.proxy !== undefined,
      ),
      ...Object.fromEntries(chosen.flatMap(([key, { file }]) => (file === undefined ? [] : [[file, `@{${key}}`]]))),
      ...(heartbeat ? { [HEARTBEAT]: "@{alertHeartbeatUrl}" } : {}),
    },
    // Silences, and what was sent already.
    volumes: [{ name: "alertmanager-data", path: "/alertmanager", keep: "scratch" }],
    networks: ["monitoring", ...(chosen.length || heartbeat ? ["egress" as const] : [])],
    port: ALERTMANAGER,
    publish: { alertmanager: ALERTMANAGER },
    metrics: {},
    health: healthCheck.wget(`http://127.0.0.1:${ALERTMANAGER}/-/ready`),
    limits: { memory: 64, cpus: 0.25, least: 32 },
  };
}

const alertmanagerConfig = (receiver: object, heartbeat: boolean, proxy: boolean): string =>
  `${JSON.stringify(
    {
      ...(proxy ? { global: { http_config: { proxy_from_environment: true } } } : {}),
      route: {
        receiver: "default",
        group_by: ["alertname", "service"],
        group_wait: `${pace.groupWait}s`,
        group_interval: `${pace.groupInterval}s`,
        repeat_interval: "4h",
        // It always fires, and is news to nobody but the one who waits for it.
        routes: [
          {
            matchers: ['alertname="Watchdog"'],
            receiver: "heartbeat",
            group_wait: "0s",
            group_interval: `${pace.heartbeat}s`,
            repeat_interval: `${pace.heartbeat}s`,
          },
        ],
      },
      // A service that is gone is slow and full of errors as well: one message is enough.
      inhibit_rules: [
        { source_matchers: ['severity="critical"'], target_matchers: ['severity="warning"'], equal: ["service"] },
      ],
      receivers: [
        { name: "default", ...receiver },
        {
          name: "heartbeat",
          ...(heartbeat ? { webhook_configs: [{ url_file: secretPath(HEARTBEAT), send_resolved: false }] } : {}),
        },
      ],
    },
    null,
    2,
  )}\n`.replace('"@{alertMail}"', "@{alertMail}");
