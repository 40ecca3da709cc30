/** Commands, as tests run them; and waiting, by condition. */
import { execFile, spawn } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

/** The checkout that is tested. */
export const ROOT = join(import.meta.dirname, "../..");

const run = promisify(execFile);

export interface Result {
  readonly code: number;
  readonly output: string;
}
export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string | undefined>;
  /** Milliseconds. @default 900000 */
  readonly timeout?: number;
  readonly input?: string;
}

/** Runs a command to its end; its exit code is a result, not an exception. */
export async function command(file: string, args: readonly string[], options: CommandOptions = {}): Promise<Result> {
  const { promise, resolve, reject } = Promise.withResolvers<Result>();
  const child = spawn(file, args, {
    cwd: options.cwd ?? ROOT,
    env: { ...process.env, ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
    timeout: options.timeout ?? 900_000,
  });
  // A program that does not read its input may end first.
  child.stdin.on("error", () => undefined).end(options.input ?? "");
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      if (process.env["BERTH_TEST_VERBOSE"]) process.stderr.write(chunk);
    });
  child.once("error", reject).once("close", (code) => resolve({ code: code ?? 1, output }));
  return promise;
}

/** Runs the docker client. @returns what it printed. @throws {Error} where it failed. */
export const docker = async (...args: string[]): Promise<string> =>
  (await run("docker", args, { maxBuffer: 64 * 1024 * 1024 })).stdout.trim();
export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Tries until it does not throw. @throws the last error when the time is up. */
export async function eventually<T>(attempt: () => Promise<T>, seconds = 30): Promise<T> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > end) throw error;
      await sleep(300);
    }
  }
}

/** @throws {Error} with the end of the output, where a command failed. */
export async function good(result: Promise<Result>): Promise<Result> {
  const { code, output } = await result;
  if (code !== 0) throw new Error(`exit code ${code}:\n${output.slice(-6000)}`);
  return { code, output };
}

/** @throws {Error} where a command changed anything, or failed. */
export async function unchanged(result: Promise<Result>): Promise<void> {
  const { output } = await good(result);
  if (!/Resources:\s+\d+ unchanged\s/.test(output)) throw new Error(`something changed:\n${output}`);
}

/** The engine's clock, in seconds. */
export const engineNow = async (): Promise<number> =>
  Date.parse(await docker("info", "--format", "{{.SystemTime}}")) / 1000;
