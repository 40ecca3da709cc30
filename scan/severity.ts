/** How bad an entry of a database is. */
import cvss from "ae-cvss-calculator";
import { severities, type Severity } from "./types.ts";

const WORDS: Readonly<Record<string, Severity>> = {
  critical: "critical",
  high: "high",
  moderate: "medium",
  medium: "medium",
  low: "low",
};

export const worst = (all: readonly Severity[]): Severity => severities.find((one) => all.includes(one)) ?? "unknown";

/** A word of a database, or of Trivy. */
export const ofWord = (word: string | undefined): Severity => WORDS[word?.toLowerCase() ?? ""] ?? "unknown";

/** A CVSS vector of any version, in the bands of CVSS 3. A vector that cannot be read says nothing. */
export function ofVector(vector: string): Severity {
  const score = scoreOf(vector);
  if (score === undefined || !(score > 0)) return "unknown";
  return score >= 9 ? "critical" : score >= 7 ? "high" : score >= 4 ? "medium" : "low";
}

function scoreOf(vector: string): number | undefined {
  try {
    return (cvss.fromVector(vector) as { calculateScores(): { overall?: number } } | null)?.calculateScores().overall;
  } catch {
    return undefined;
  }
}
