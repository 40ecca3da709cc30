/** What the dashboards show of SampleMind alone: its jobs, as Flower counts them. */
import { quantile } from "../../monitoring/dashboards/requests.ts";
import { type Drawings, graph, number, orZero, type Panel, query, type Row, share } from "../../monitoring/panels.ts";

const ENDED = 'sum(rate(flower_events_total{type=~"task-(succeeded|failed)"}[5m]))';
const FAILED = 'sum(rate(flower_events_total{type="task-failed"}[5m]))';
const RUNTIME = "rate(flower_task_runtime_seconds_bucket[5m])";

const work: readonly Panel[] = [
  number("Jobs", "ops", orZero(ENDED)),
  number("Errors", "percentunit", share(FAILED, ENDED)),
  number("95 % within", "s", orZero(quantile(0.95, RUNTIME))),
];

const jobs: Row = {
  title: "Jobs",
  panels: [
    graph("Waiting", "short", query("max by (key) (redis_script_values)", "{{key}}")),
    graph(
      "Ended",
      "ops",
      query(orZero('sum(rate(flower_events_total{type="task-succeeded"}[5m]))'), "succeeded"),
      query(orZero(FAILED), "failed"),
      query(orZero('sum(rate(flower_events_total{type="task-retried"}[5m]))'), "tried again"),
    ),
    graph("Time to run", "s", ...[0.5, 0.95].map((at) => query(orZero(quantile(at, RUNTIME)), `${at * 100} % within`))),
    graph("Workers", "short", query(orZero("sum(flower_worker_online)"), "online")),
  ],
};

export const drawings: Drawings = {
  services: { worker: { work } },
  rows: { app: [jobs] },
  metrics: ["flower_events_total", "flower_task_runtime_seconds_bucket", "flower_worker_online"],
};
