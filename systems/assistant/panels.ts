/** What the dashboards show of the assistant alone: what it is for, its jobs, its versions. */
import {
  type Dashboard,
  type Drawings,
  graph,
  number,
  orZero,
  type Panel,
  query,
  type Row,
  share,
} from "../../monitoring/panels.ts";
import { quantile } from "../../monitoring/dashboards/requests.ts";

const RUNTIME = 'rate(assistant_job_runtime_seconds_bucket{service="worker"}[5m])';

const queue: Dashboard = {
  name: "queue",
  rows: [
    {
      title: "Queue",
      panels: [
        graph("Waiting", "short", query("max by (key) (redis_script_values)", "{{key}}")),
        graph(
          "Handed in",
          "ops",
          query("sum by (kind, outcome) (rate(assistant_jobs_queued_total[5m]))", "{{kind}} {{outcome}}"),
        ),
        graph(
          "Left the worker",
          "ops",
          query('sum by (outcome) (rate(assistant_jobs_finished_total{service="worker"}[5m]))', "{{outcome}}"),
        ),
      ],
    },
    {
      title: "Jobs",
      panels: [
        graph(
          "Time to run",
          "s",
          ...[0.5, 0.95].map((at) => query(orZero(quantile(at, RUNTIME)), `${at * 100} % within`)),
        ),
        graph(
          "Failed",
          "short",
          query(
            'sum by (outcome) (increase(assistant_jobs_finished_total{service="worker", outcome=~"failed|timed out"}[15m]))',
            "{{outcome}}",
          ),
        ),
        graph(
          "Tried again",
          "short",
          query('sum(increase(assistant_jobs_finished_total{service="worker", outcome="retried"}[15m]))', "retried"),
        ),
        graph("Reminders", "ops", query("sum by (outcome) (rate(assistant_reminders_due_total[5m]))", "{{outcome}}")),
      ],
    },
  ],
};

const jobs: readonly Panel[] = [
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
];

const purpose: Row = {
  title: "What they are for",
  panels: [
    graph("Events", "ops", query("sum by (outcome) (rate(assistant_events_total[5m]))", "{{outcome}}")),
    graph(
      "Messages and tasks",
      "ops",
      query(orZero("sum(rate(assistant_messages_total[5m]))"), "messages"),
      query("sum(rate(assistant_tasks_created_total[5m]))", "tasks"),
    ),
    graph(
      "Log-ins",
      "ops",
      query("sum by (outcome) (rate(assistant_logins_total[5m]))", "{{outcome}}"),
      query("sum by (method, outcome) (rate(assistant_mfa_codes_total[5m]))", "code by {{method}} {{outcome}}"),
    ),
    graph(
      "Refused by the rate limit",
      "reqps",
      query("sum by (service) (rate(rate_limited_requests_total[5m]))", "{{service}}"),
    ),
    graph("Database outages", "short", query("sum by (service) (increase(db_outages_total[15m]))", "{{service}}")),
    graph("SMS", "ops", query("sum by (outcome) (rate(assistant_sms_received_total[5m]))", "{{outcome}}")),
  ],
};

const releases: readonly Panel[] = [
  graph(
    "Containers by version",
    "short",
    query("count by (service, version) (assistant_release_info)", "{{service}} {{version}}"),
  ),
  graph(
    "Schema as the containers see it",
    "short",
    query("count by (revision) (assistant_schema_info)", "{{revision}}"),
  ),
];

export const drawings: Drawings = {
  services: { worker: { work: jobs } },
  rows: { app: [purpose] },
  releases,
  pages: [queue],
  metrics: [
    "assistant_events_total",
    "assistant_messages_total",
    "assistant_tasks_created_total",
    "assistant_logins_total",
    "assistant_mfa_codes_total",
    "assistant_sms_received_total",
    "assistant_jobs_queued_total",
    "assistant_jobs_finished_total",
    "assistant_job_runtime_seconds_bucket",
    "assistant_reminders_due_total",
    "assistant_release_info",
    "assistant_schema_info",
    "db_outages_total",
    "rate_limited_requests_total",
  ],
};
