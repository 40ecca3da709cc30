/** What an engine says of the machine that it runs on. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Cores and MiB. */
export interface Machine {
  readonly cpus: number;
  readonly memory: number;
}

/**
 * Asks the engine, which changes nothing in it.
 *
 * @param engine Its address (`docker:host`); absent: the docker client's own choice, by DOCKER_HOST or context.
 * @returns undefined where there is no docker client, or no answer within 10 s.
 */
export async function machineOf(engine: string | undefined): Promise<Machine | undefined> {
  const host = engine === undefined ? [] : ["--host", engine];
  try {
    const format = ["info", "--format", "{{.NCPU}} {{.MemTotal}}"];
    const { stdout } = await run("docker", [...host, ...format], { timeout: 10_000 });
    const [, cpus, bytes] = /^(\d+) (\d+)\s*$/.exec(stdout) ?? [];
    return Number(cpus) > 0 && bytes !== undefined
      ? { cpus: Number(cpus), memory: Math.floor(Number(bytes) / 1024 ** 2) }
      : undefined;
  } catch {
    return undefined;
  }
}
