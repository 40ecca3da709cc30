/** Durations as Go writes them: the state holds that text, so "60s" in a program differs from it for ever (3.8). */
const UNITS = {
  h: 3_600_000_000_000,
  m: 60_000_000_000,
  s: 1_000_000_000,
  ms: 1_000_000,
  us: 1_000,
  µs: 1_000,
  ns: 1,
} as const;

/** Nanoseconds, or nothing for a text that is no duration. */
export function parseDuration(source: string): number | undefined {
  if (source === "0") return 0;
  if (!/^(\d+(\.\d+)?(h|ms|m|s|us|µs|ns))+$/.test(source)) return undefined;
  let total = 0;
  for (const [, amount, unit] of source.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)/g)) {
    total += Number(amount) * UNITS[unit as keyof typeof UNITS];
  }
  return Math.round(total);
}

export function formatDuration(nanoseconds: number): string {
  if (nanoseconds === 0) return "0s";
  if (nanoseconds < UNITS.us) return `${nanoseconds}ns`;
  if (nanoseconds < UNITS.ms) return `${nanoseconds / UNITS.us}µs`;
  if (nanoseconds < UNITS.s) return `${nanoseconds / UNITS.ms}ms`;
  const hours = Math.floor(nanoseconds / UNITS.h);
  const minutes = Math.floor((nanoseconds % UNITS.h) / UNITS.m);
  const seconds = (nanoseconds % UNITS.m) / UNITS.s;
  return `${hours > 0 ? `${hours}h` : ""}${hours > 0 || minutes > 0 ? `${minutes}m` : ""}${seconds}s`;
}
