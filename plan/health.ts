/**
 * Health checks as values. Durations in seconds; every field is always set, because the provider fills gaps from the
 * image. A check starts a process in the container, which costs the engine about a tenth of a second of processor time:
 * over a whole stack that is most of what an idle system costs, so checks are as rare as their purpose allows. A
 * container that starts is asked every second all the same (`patient`).
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
  /** Succeeds when the command exits with 0. */
  command: (command: readonly string[], timing?: Timing) => timed(["CMD", ...command], timing),
  /** The same in an image without a shell: a container that starts is asked an interval later. */
  bare: (command: readonly string[], timing?: Timing): HealthCheck => ({
    ...timed(["CMD", ...command], timing),
    shell: false,
  }),
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

/** A file of the container, in memory: one that starts again begins without it. */
const SUCCEEDED = "/tmp/.healthy";

/** Text as one word of a shell line. */
const quoted = (word: string): string => (/^[\w./:=?&-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

/**
 * A check as the engine runs it. The engine asks for the first time after a whole interval, and what waits for the
 * container waits with it. So the check itself waits: until it has succeeded once it tries every second, for an
 * interval at most; from then on it tries after an interval (docs/decisions/0023-patient-checks.md).
 */
export function patient(check: HealthCheck): Omit<HealthCheck, "shell"> {
  const { shell = true, ...plain } = check;
  if (!shell) return plain;
  const { test, interval, timeout } = plain;
  const [how, ...words] = test;
  const tried = how === "CMD-SHELL" ? words[0]! : words.map(quoted).join(" ");
  const line = [
    `tried() ( ${tried} )`,
    `if [ -e ${SUCCEEDED} ]; then sleep ${interval - 1}; tried; exit; fi`,
    "n=0",
    `until tried; do n=$((n + 1)); [ $n -lt ${interval} ] || exit 1; sleep 1; done`,
    `: > ${SUCCEEDED}`,
  ].join("; ");
  return { ...plain, test: ["CMD-SHELL", line], interval: 1, timeout: interval - 1 + timeout };
}

/** The way the provider writes durations into its state: `1m30s`, never `90s`. Anything else differs at every `up`. */
export function duration(seconds: number): string {
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h ? `${h}h${m}m${s}s` : m ? `${m}m${s}s` : `${s}s`;
}
