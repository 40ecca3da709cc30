import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

interface Said {
  readonly stdout: string;
  readonly stderr: string;
}
export type Docker = (...args: readonly string[]) => Promise<Said>;

export interface DockerOptions {
  /** Seconds; 0: as long as it takes. @default 20 */
  readonly timeout?: number;
  /** Standard input. @default none */
  readonly input?: string;
}

const MOST = 1024 ** 3;
const at = (host: string | undefined, args: readonly string[]): string[] => [
  ...(host ? ["--host", host] : []),
  ...args,
];

/**
 * The docker client, for what the docker provider cannot do. @param host Address of the engine
 * (`docker:host`); absent: the client's own choice.
 * @throws {Error} with `stderr` and `code`, where the client does not end with 0.
 */
export const dockerClient =
  (host: string | undefined, { timeout = 20, input }: DockerOptions = {}): Docker =>
  (...args) => {
    const asked = run("docker", at(host, args), { timeout: timeout * 1000, maxBuffer: MOST });
    // Who ends before it has read all of it says so by its exit code.
    asked.child.stdin?.on("error", () => undefined).end(input);
    return asked;
  };

/** The same, for what is no text, such as an archive. @returns what it wrote */
export const dockerBytes =
  (host: string | undefined) =>
  async (...args: readonly string[]): Promise<Buffer> =>
    (await run("docker", at(host, args), { encoding: "buffer", maxBuffer: MOST })).stdout;

/** The lines that it wrote, without empty ones. */
export const lines = async (asked: Promise<Said>): Promise<string[]> =>
  (await asked).stdout.split("\n").filter(Boolean);

/** Whether it ends with 0. */
export const works = (asked: Promise<Said>): Promise<boolean> =>
  asked.then(
    () => true,
    () => false,
  );
