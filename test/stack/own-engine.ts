/**
 * The engine that the bench started, where a test may end it: somebody else's,
 * or one that somebody uses, is left alone.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { command, ROOT, sleep } from "./command.ts";

const HOME =
  process.env["BERTH_BENCH_HOME"] ?? join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "berth-bench");
const PID = join(HOME, "engine/dockerd.pid");
const pid = (): number => Number(readFileSync(PID, "utf8"));

const ours = (): boolean =>
  existsSync(PID) &&
  existsSync(`/proc/${pid()}`) &&
  execFileSync("docker", ["ps", "--filter", "label=berth.stack", "--format", '{{.Label "berth.stack"}}'], {
    encoding: "utf8",
  })
    .split("\n")
    .every((stack) => !stack || stack.startsWith("e2e"));

/** Whether tests may end the engine; says so if they may not. */
export function ownEngine(): boolean {
  if (ours()) return true;
  console.error("not run: what ends the engine, because it is not the bench's, or stacks of yours run on it");
  return false;
}

/** Kills the engine; returns when it is gone. */
export async function killEngine(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  const old = pid();
  process.kill(old, signal);
  while (existsSync(`/proc/${old}`)) await sleep(200);
}

/** Starts it again; returns when it answers. @throws when it does not. */
export async function startEngine(): Promise<void> {
  for (const script of ["stop.sh", "start.sh"]) {
    const { code, output } = await command(join(ROOT, "bench/engine", script), []);
    if (code !== 0) throw new Error(output);
  }
}
