/**
 * A copy of the project that looks at itself every few seconds, so that alerts do not
 * take minutes. What they say stays as it is.
 */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { pace } from "../../plan/pace.ts";
import type { Project } from "./project.ts";

const HURRIED: typeof pace = {
  scrape: 5,
  scrapeTimeout: 4,
  containers: 5,
  groupWait: 1,
  groupInterval: 3,
  heartbeat: 5,
  resend: 5,
  announced: 3,
  idle: 4,
  prune: 5,
};
/** How many times faster the rules are. */
const SPEED = 15;

/** Minutes of a rule to seconds, but not fewer than a few scrapes. */
export const faster = (rules: string): string =>
  rules
    .replace(/\bfor: (\d+)m\b/g, (_, minutes: string) => `for: ${(Number(minutes) * 60) / SPEED}s`)
    .replace(/\[(\d+)m\]/g, (_, minutes: string) => `[${Math.max(20, (Number(minutes) * 60) / SPEED)}s]`)
    // What other tests do to the machine's disk in the next four hours is not this one's matter.
    .replace("4 * 3600", "60");

export const RULES = "monitoring/rules";
export const ruleFiles = (project: Project): string[] =>
  readdirSync(join(project.dir, RULES)).filter((file) => file.endsWith(".yml"));

export function hurry(project: Project): void {
  project.write("plan/pace.ts", `export const pace = ${JSON.stringify(HURRIED)};\n`);
  for (const file of ruleFiles(project)) project.write(`${RULES}/${file}`, faster(project.read(`${RULES}/${file}`)));
}
