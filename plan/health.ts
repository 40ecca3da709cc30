/**
 * Health checks as values. Durations in seconds; every field is always set, because the provider fills gaps from the
 * image. A check starts a process in the container, which costs the engine about a tenth of a second of processor time:
 * over a whole stack that is most of what an idle system costs, so checks are as rare as their purpose allows.
 */
import type { HealthCheck } from "./types.ts";

interface Timing {
  readonly interval?: number;
  readonly timeout?: number;
  readonly retries?: number;
  readonly startPeriod?: number;
}

const timed = (test: readonly string[], timing: Timing = {}): HealthCheck => ({
  test,
  interval: 15,
  timeout: 5,
  retries: 3,
  startPeriod: 20,
  ...timing,
});

export const healthCheck = {
  /** Succeeds when the command exits with 0. Needs no shell. */
  command: (command: readonly string[], timing?: Timing) => timed(["CMD", ...command], timing),
  /** Succeeds when the shell line exits with 0. */
  shell: (line: string, timing?: Timing) => timed(["CMD-SHELL", line], timing),
  /** Succeeds when a port of the container answers 200; for images with bash that have neither curl nor wget. */
  bash: (port: number, path: string, timing?: Timing) =>
    timed(
      [
        "CMD",
        "bash",
        "-c",
        `exec 3<>/dev/tcp/127.0.0.1/${port} && printf 'GET ${path} HTTP/1.0\\r\\n\\r\\n' >&3 && read -t 3 -r line <&3 && [[ $line == *' 200 '* ]]`,
      ],
      timing,
    ),
  /** Succeeds when the URL answers 2xx; for images with wget (BusyBox or GNU). */
  wget: (url: string, timing?: Timing) => timed(["CMD", "wget", "-q", "-O", "/dev/null", "-T", "3", url], timing),
};

/** The way the provider writes durations into its state: `1m30s`, never `90s`. Anything else differs at every `up`. */
export function duration(seconds: number): string {
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h ? `${h}h${m}m${s}s` : m ? `${m}m${s}s` : `${s}s`;
}
