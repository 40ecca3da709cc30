import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

export type Docker = (...args: readonly string[]) => Promise<{ stdout: string; stderr: string }>;

export interface DockerOptions {
  /** Seconds. @default 20 */
  readonly timeout?: number;
  /** Standard input. @default none */
  readonly input?: string;
}

/**
 * The docker client, for what the docker provider cannot do. @param host Address of the engine
 * (`docker:host`); absent: the client's own choice.
 */
export const dockerClient =
  (host: string | undefined, { timeout = 20, input }: DockerOptions = {}): Docker =>
  (...args) => {
    const asked = run("docker", [...(host ? ["--host", host] : []), ...args], { timeout: timeout * 1000 });
    // Who ends before it has read all of it says so by its exit code.
    asked.child.stdin?.on("error", () => undefined).end(input);
    return asked;
  };
