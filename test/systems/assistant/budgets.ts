/**
 * What the start of each service may take (PA-62, PA-69): seconds to the first good check, seconds of processor time
 * until then, MiB held then. Twice what was measured, or more: a budget finds what grew, not how fast a machine is.
 */
import type { Budget } from "../driver.ts";

/** PA-69. */
const START = 30;
const budget = (cpu: number, memory: number): Budget => ({ start: START, cpu, memory });

/** Of a service that is not in the table, as one that was just added. */
export const APPLICATION = budget(8, 180);
const SHELL = budget(3, 24);
const EXPORTER = budget(2, 48);

export const BUDGETS: Readonly<Record<string, Budget>> = {
  postgres: budget(6, 160),
  "postgres-roles": SHELL,
  redis: budget(2, 32),
  "redis-users": SHELL,
  migrate: budget(8, 160),
  seed: budget(8, 160),
  api: APPLICATION,
  agent: APPLICATION,
  worker: budget(12, 360),
  "sms-router": APPLICATION,
  "edge-check": SHELL,
  edge: budget(3, 48),
  "edge-routes": SHELL,
  "postgres-prune": SHELL,
  "redis-prune": SHELL,
  backup: budget(6, 120),
  "postgres-exporter": EXPORTER,
  "redis-exporter": EXPORTER,
  alertmanager: EXPORTER,
  "node-exporter": EXPORTER,
  prometheus: budget(6, 160),
  collector: budget(6, 120),
  grafana: budget(20, 300),
  loki: budget(10, 250),
  jaeger: budget(6, 120),
};

export const budgetOf = (service: string): Budget => BUDGETS[service] ?? APPLICATION;
