/** Whether anybody still mends what a stack runs, besides what is known against it. */
import type { Line } from "./lines.ts";

/** Before the end of a line, and after somebody looked at one whose end nobody names. */
const DAYS = 90;
const DAY = 86_400_000;

/** The line that a reference belongs to; undefined, where none is known. A digest counts for nothing. */
export function lineOf(reference: string, lines: readonly Line[]): Line | undefined {
  const [, image, tag = ""] = /^(?:docker\.io\/(?:library\/)?)?(.+?)(?::([^:/]+))?$/.exec(reference.split("@", 1)[0]!)!;
  return lines.find((line) => line.image === image && tag.startsWith(line.tags));
}

/**
 * A sentence for each image whose line is over, ends within 90 days, or was not looked at for as long. Of an image
 * whose line is not known there is nothing to say: it may be anybody's.
 *
 * @param today As 2026-12-31.
 */
export function supportWarnings(references: readonly string[], lines: readonly Line[], today: string): string[] {
  const days = (to: string): number => Math.round((Date.parse(to) - Date.parse(today)) / DAY);
  return [...new Set(references)].sort().flatMap((reference) => {
    const line = lineOf(reference, lines);
    if (line === undefined) return [];
    const { until, ends, looked, source } = line;
    if (until !== undefined) {
      const left = days(until);
      if (left < 0) return [`${reference}: nobody mends it since ${until} (${source})`];
      return left <= DAYS ? [`${reference}: nobody mends it after ${until}, in ${left} days (${source})`] : [];
    }
    return -days(looked) > DAYS
      ? [`${reference}: it ends ${ends}, and nobody looked since ${looked} (${source}; scan/lines.ts)`]
      : [];
  });
}
