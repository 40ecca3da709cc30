/** Ends runs of the CLI before they end themselves. */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { sleep } from "./command.ts";
import type { Project } from "./project.ts";

/** A process and everything below it: the CLI gives its plugins groups of their own. */
export function family(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync("/proc").filter((name) => /^\d+$/.test(name)))
    try {
      const parent = Number(/PPid:\s+(\d+)/.exec(readFileSync(`/proc/${entry}/status`, "utf8"))![1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
    } catch {
      /* ended meanwhile */
    }
  const below = (one: number): number[] => [one, ...(children.get(one) ?? []).flatMap(below)];
  return below(pid);
}

/**
 * Starts plain `pulumi up` and kills it (SIGKILL): with its plugins, or the CLI
 * alone, which leaves the plugins at work.
 * @returns false if it had ended by then.
 */
export async function killed(project: Project, when: () => Promise<unknown>, alone = false): Promise<boolean> {
  const child = spawn("pulumi", ["up", "--stack", project.stack, "--yes", "--skip-preview", "--non-interactive"], {
    cwd: project.dir,
    env: { ...process.env, ...project.env },
    stdio: "ignore",
  });
  const end = new Promise((resolve) => child.once("close", resolve));
  await Promise.race([when(), end]);
  if (child.exitCode !== null) return false;
  for (const pid of alone ? [child.pid!] : family(child.pid!))
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      /* was faster */
    }
  await end;
  return true;
}

export const killedAfter = (project: Project, seconds: number, alone = false): Promise<boolean> =>
  killed(project, () => sleep(seconds * 1000), alone);
