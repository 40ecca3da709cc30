/** Which stacks of the tests a run is at work on: bin/test removes what a run left that is over, and no other's. */
import { spawn } from "node:child_process";
import type { Socket } from "node:net";
import { join } from "node:path";

const held = new Set<string>();

/**
 * Holds the lock of a stack until this process ends, however it does.
 *
 * @throws {Error} where another process has it. Where there is no flock, nobody can be asked, and nobody asks.
 */
export async function hold(stack: string): Promise<void> {
  if (held.has(stack)) return;
  // Where bin/test looks for it.
  const lock = join(process.env["TMPDIR"] ?? "/tmp", `berth-test.${stack}.lock`);
  // The kernel gives it up with whoever holds it, whose input ends with this process. Ctrl-C is not meant for that one:
  // what is removed afterwards is still this run's.
  const holder = spawn("flock", ["--timeout", "5", lock, "sh", "-c", "echo held; exec cat"], {
    stdio: ["pipe", "pipe", "ignore"],
    detached: true,
  });
  const said = await new Promise<string | undefined>((resolve) => {
    holder.once("error", () => resolve("no flock")).once("close", () => resolve(undefined));
    holder.stdout.once("data", (word: Buffer) => resolve(word.toString()));
  });
  if (said === undefined) throw new Error(`another run is at work on stack ${stack}: wait for it to end`);
  held.add(stack);
  for (const handle of [holder, holder.stdin as Socket, holder.stdout as Socket]) handle.unref();
}
