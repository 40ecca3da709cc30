/**
 * What the start of each service of SampleMind may take (SM-74): as the assistant's, and twice what was measured
 * (docs/measurements.md) where a service is its own.
 */
import { budgetOf as ofAssistant, START } from "../assistant/budgets.ts";
import type { Budget } from "../driver.ts";

const budget = (cpu: number, memory: number): Budget => ({ start: START, cpu, memory });
const TOOL = budget(1, 70);

export const BUDGETS: Readonly<Record<string, Budget>> = {
  mongo: budget(0.6, 40),
  "mongo-users": TOOL,
  "mongo-prune": TOOL,
  "mongo-exporter": TOOL,
  chroma: budget(0.6, 40),
  "chroma-exporter": TOOL,
  // Two processes here; with four of them twice as much.
  backend: budget(3.2, 270),
  worker: budget(2, 300),
  beat: budget(1.6, 120),
  flower: budget(1.8, 140),
  frontend: budget(0.6, 10),
};

export const budgetOf = (service: string): Budget => BUDGETS[service] ?? ofAssistant(service);
