import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

/**
 * The docker client, for what the docker provider cannot ask. @param host Address of the engine
 * (`docker:host`); absent: the client's own choice.
 */
export const dockerClient =
  (host: string | undefined) =>
  (...args: readonly string[]): Promise<{ stdout: string; stderr: string }> =>
    run("docker", [...(host ? ["--host", host] : []), ...args], { timeout: 20_000 });
