/** What the start of each service of SampleMind may take (SM-74): as the assistant's, and not measured yet. */
import { budgetOf as ofAssistant } from "../assistant/budgets.ts";
import type { Budget } from "../driver.ts";

/** Four processes of the backend, and Python's start in each. */
const PYTHON: Budget = { start: 30, cpu: 20, memory: 700 };
const OWN: Readonly<Record<string, Budget>> = { backend: PYTHON, worker: PYTHON, beat: PYTHON, flower: PYTHON };

export const budgetOf = (service: string): Budget => OWN[service] ?? ofAssistant(service);
