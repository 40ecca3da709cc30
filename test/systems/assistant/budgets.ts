/**
 * What the start of each service may take (PA-62, PA-69): seconds to the first good check, seconds of processor time
 * until then, MiB held then. Twice what was measured (docs/measurements.md), or more: a budget finds what grew, not
 * how fast a machine is.
 */
import type { Budget } from "../driver.ts";

/** PA-69. */
export const START = 30;
const budget = (cpu: number, memory: number): Budget => ({ start: START, cpu, memory });

/** Of a service that is not in the table, as one that was just added. */
export const APPLICATION = budget(2.5, 130);
const SHELL = budget(0.6, 10);
const EXPORTER = budget(0.6, 40);

export const BUDGETS: Readonly<Record<string, Budget>> = {
  postgres: budget(3, 120),
  "postgres-roles": SHELL,
  redis: budget(0.6, 24),
  "redis-users": SHELL,
  migrate: budget(2.5, 130),
  seed: budget(2.5, 130),
  api: APPLICATION,
  agent: APPLICATION,
  worker: budget(2.5, 260),
  "sms-router": APPLICATION,
  edge: budget(0.8, 24),
  "edge-routes": SHELL,
  "postgres-prune": SHELL,
  "redis-prune": SHELL,
  backup: budget(7, 80),
  "postgres-exporter": EXPORTER,
  "redis-exporter": EXPORTER,
  alertmanager: EXPORTER,
  "node-exporter": EXPORTER,
  prometheus: budget(1.2, 100),
  collector: budget(6, 120),
  grafana: budget(20, 300),
  loki: budget(10, 250),
  jaeger: budget(6, 120),
};

export const budgetOf = (service: string): Budget => BUDGETS[service] ?? APPLICATION;
