/** Celery's queue: how much waits, how long it takes, what fails. */
import { type Dashboard, graph, orZero, query } from "../panels.ts";
import { quantile } from "./requests.ts";

const RUNTIME = 'rate(assistant_job_runtime_seconds_bucket{service="worker"}[5m])';

export const queue: Dashboard = {
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
