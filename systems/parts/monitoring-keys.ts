/** Keys of the stack file that the monitoring tier reads. */
import { z } from "zod";
import { folder, leaf, memory, retention } from "../../config/schema.ts";
import type { Args, Part } from "../part.ts";

export const monitoringPart = {
  images: {
    prometheus: "prom/prometheus:v3.13.4",
    alertmanager: "prom/alertmanager:v0.34.1",
    grafana: "grafana/grafana:12.4.11",
    loki: "grafana/loki:3.7.8",
    victorialogs: "victoriametrics/victoria-logs:v1.53.0",
    collector: "otel/opentelemetry-collector-contrib:0.162.0",
    jaeger: "jaegertracing/jaeger:2.20.0",
    nodeExporter: "prom/node-exporter:v1.12.1",
  },
  settings: {
    retention: leaf(
      z
        .strictObject({
          metrics: retention.default("15d"),
          logs: retention.default("7d"),
          metricsSize: memory.default("4GiB"),
        })
        .default({ metrics: "15d", logs: "7d", metricsSize: "4GiB" }),
      {
        description: "How long metrics and logs are kept, and the most that metrics may take of the disk.",
        allowed: "metrics and logs, each a number with h, d or w, at most ten years; metricsSize with MiB or GiB",
        example: { metrics: "15d", logs: "7d", metricsSize: "4GiB" },
      },
    ),
    logs: leaf(z.enum(["loki", "victorialogs"]).default("loki"), {
      description:
        "What keeps the lines: Loki, which Grafana shows, or VictoriaLogs, which takes less memory and has a page of its own. Another one begins empty; the volume of the former stays.",
      allowed: "loki or victorialogs",
      example: "victorialogs",
    }),
    dockerRoot: leaf(folder.default("/var/lib/docker"), {
      description:
        "The engine's own folder, where the collector of log lines finds its files: `docker info -f '{{.DockerRootDir}}'` tells.",
      allowed: "an absolute path of letters, digits, . _ and -",
      example: "/var/lib/docker",
    }),
  },
  secrets: {
    grafanaAdminPassword: {
      description: "Password of Grafana's user admin.",
      example: "a long random text",
      generated: 24,
      minLength: 12,
    },
    alertWebhookUrl: {
      description:
        "Where Alertmanager posts alerts. Without this, alertSlackUrl and alertMail they stay in Alertmanager.",
      form: "url",
      example: "https://hooks.example.org/berth",
      minLength: 8,
    },
    alertSlackUrl: {
      description: "Incoming webhook of a Slack channel, for alerts.",
      form: "url",
      example: "https://hooks.slack.com/services/T0/B0/secret",
      minLength: 8,
    },
    alertMail: {
      description: "How alerts are mailed: Alertmanager's email_config, as a JSON object.",
      minLength: 2,
      // What else Alertmanager takes, it knows best; without these it does not start.
      json: z.looseObject({ to: z.string().min(3), from: z.string().min(3), smarthost: z.string().regex(/:\d+$/) }),
      example:
        '{"to":"ops@example.org","from":"berth@example.org","smarthost":"smtp.example.org:587","auth_username":"berth","auth_password":"…"}',
    },
    alertHeartbeatUrl: {
      description: "Asked every minute while Prometheus and Alertmanager work; whoever is there tells when it stops.",
      form: "url",
      example: "https://heartbeat.example.org/berth",
      minLength: 8,
    },
  },
} satisfies Part;

/** What the services of the tier are made from. */
export type MonitoringArgs = Args<typeof monitoringPart.settings>;
