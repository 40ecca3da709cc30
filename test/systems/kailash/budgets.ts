/** What the start of each service of Kailash may take. Importing the SDKs takes most of it. */
import { budgetOf as ofAssistant } from "../assistant/budgets.ts";
import type { Budget } from "../driver.ts";

const SDK: Budget = { start: 40, cpu: 12, memory: 320 };
const OWN: Readonly<Record<string, Budget>> = {
  dataflow: SDK,
  mcp: SDK,
  nexus: SDK,
  migrate: SDK,
  neo4j: { start: 120, cpu: 30, memory: 800 },
};

export const budgetOf = (service: string): Budget => OWN[service] ?? ofAssistant(service);
