/** Times commands as whole processes, and says what is between two of them. */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

export interface Timed {
  readonly seconds: number;
  readonly output: string;
  /** Largest resident set of a process whose command line matched, MiB. */ readonly peak: number;
}

export interface TimeArgs {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Part of the command line of the process whose memory counts. */ readonly watch?: string;
}

/** @throws {Error} with the last lines when the command fails: a failed run is no measurement. */
export function time(file: string, args: readonly string[], { cwd, env, watch }: TimeArgs = {}): Promise<Timed> {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const child = spawn(file, args, {
      ...(cwd ? { cwd } : {}),
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    let peak = 0;
    const timer = watch
      ? setInterval(() => {
          peak = Math.max(peak, highWater(watch));
        }, 100)
      : undefined;
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => {
        output += chunk.toString();
      });
    child.once("error", reject);
    child.once("close", (code) => {
      clearInterval(timer);
      const seconds = (performance.now() - began) / 1000;
      if (code === 0) resolve({ seconds, output, peak });
      else reject(new Error(`${file} ${args.join(" ")}: exit ${code}\n${output.split("\n").slice(-25).join("\n")}`));
    });
  });
}

function highWater(watch: string): number {
  let most = 0;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      if (!readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").includes(watch)) continue;
      most = Math.max(
        most,
        Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024,
      );
    } catch {
      /* it ended meanwhile */
    }
  }
  return most;
}

export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

/**
 * Runs each in turn, several times, so that a machine that slows down slows all of them. @returns medians, in seconds
 */
export async function inTurn<K extends string>(
  runs: number,
  tasks: Record<K, () => Promise<number>>,
): Promise<Record<K, number>> {
  const seconds = Object.fromEntries(Object.keys(tasks).map((name) => [name, [] as number[]])) as Record<K, number[]>;
  for (let i = 0; i < runs; i++) for (const name of Object.keys(tasks) as K[]) seconds[name].push(await tasks[name]());
  return Object.fromEntries(Object.entries<number[]>(seconds).map(([name, all]) => [name, median(all)])) as Record<
    K,
    number
  >;
}
