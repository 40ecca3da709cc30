/** What the dashboards show of SampleMind alone: what it is for, its jobs, its workers as Flower sees them. */
import { quantile } from "../../monitoring/dashboards/requests.ts";
import { type Drawings, graph, number, orZero, type Panel, query, type Row, share } from "../../monitoring/panels.ts";

const ENDED = 'sum(rate(samplemind_analyses_total{outcome=~"ready|failed|timed out"}[5m]))';
const FAILED = 'sum(rate(samplemind_analyses_total{outcome=~"failed|timed out"}[5m]))';
const RUNTIME = "rate(samplemind_analysis_seconds_bucket[5m])";
const within = quantile(0.95, RUNTIME);

const work: readonly Panel[] = [
  number("Analyses", "ops", orZero(ENDED)),
  number("Errors", "percentunit", share(FAILED, ENDED)),
  number("95 % within", "s", orZero(within)),
];

const jobs: Row = {
  title: "Analyses",
  panels: [
    graph("Waiting", "short", query("max by (key) (redis_script_values)", "{{key}}")),
    graph("Ended", "ops", query("sum by (outcome) (rate(samplemind_analyses_total[5m]))", "{{outcome}}")),
    graph("Time to run", "s", ...[0.5, 0.95].map((at) => query(orZero(quantile(at, RUNTIME)), `${at * 100} % within`))),
    graph("Workers", "short", query(orZero("sum(flower_worker_online)"), "online")),
    graph("Handed in again", "short", query(orZero("sum(increase(samplemind_requeued_total[15m]))"), "samples")),
  ],
};

const purpose: Row = {
  title: "What it is for",
  panels: [
    graph("Uploads", "ops", query("sum by (outcome) (rate(samplemind_uploads_total[5m]))", "{{outcome}}")),
    graph("Uploaded", "Bps", query(orZero("sum(rate(samplemind_upload_bytes_total[5m]))"), "stored")),
    graph("Uploads under way", "short", query(orZero("sum(samplemind_uploads_in_progress)"), "now")),
    graph("Log-ins", "ops", query("sum by (outcome) (rate(samplemind_logins_total[5m]))", "{{outcome}}")),
  ],
};

export const drawings: Drawings = {
  services: { worker: { work } },
  rows: { app: [purpose, jobs] },
  releases: [
    graph(
      "Containers by version",
      "short",
      query("count by (service, version) (samplemind_release_info)", "{{service}} {{version}}"),
    ),
  ],
  metrics: [
    "samplemind_analyses_total",
    "samplemind_analysis_seconds_bucket",
    "samplemind_requeued_total",
    "samplemind_uploads_total",
    "samplemind_upload_bytes_total",
    "samplemind_uploads_in_progress",
    "samplemind_logins_total",
    "samplemind_release_info",
    "flower_worker_online",
  ],
};
