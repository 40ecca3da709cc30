import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

interface Said {
  readonly stdout: string;
  readonly stderr: string;
}
export type Docker = (...args: readonly string[]) => Promise<Said>;

export interface DockerOptions {
  /** Seconds; 0: as long as it takes. @default 60, because a busy engine takes its time */
  readonly timeout?: number;
  /** Standard input. @default none */
  readonly input?: string;
}

/** The docker client of an engine, with options for a call. */
export type Client = (options?: DockerOptions) => Docker;

const MOST = 1024 ** 3;
const at = (host: string | undefined, args: readonly string[]): string[] => [
  ...(host ? ["--host", host] : []),
  ...args,
];

/** Each call of an engine over ssh is a log-in, and sshd drops some of more than ten at once (its MaxStartups). */
const LOGINS = 5;
let loggedIn = 0;
const waiting: (() => void)[] = [];

async function inTurn<T>(host: string | undefined, call: () => Promise<T>): Promise<T> {
  if (!(host ?? process.env["DOCKER_HOST"])?.startsWith("ssh:")) return call();
  // Who is let in gets the place of who ended.
  if (loggedIn < LOGINS) loggedIn += 1;
  else await new Promise<void>((go) => waiting.push(go));
  try {
    return await call();
  } finally {
    const next = waiting.shift();
    if (next) next();
    else loggedIn -= 1;
  }
}

/**
 * The docker client, for what the docker provider cannot do. @param host Address of the engine
 * (`docker:host`); absent: the client's own choice.
 * @throws {Error} with `stderr` and `code`, where the client does not end with 0.
 */
export const dockerClient =
  (host: string | undefined, { timeout = 60, input }: DockerOptions = {}): Docker =>
  (...args) =>
    inTurn(host, () => {
      const asked = run("docker", at(host, args), { timeout: timeout * 1000, maxBuffer: MOST });
      // Who ends before it has read all of it says so by its exit code.
      asked.child.stdin?.on("error", () => undefined).end(input);
      return asked;
    });

/** The same, for what is no text, such as an archive. @returns what it wrote */
export const dockerBytes =
  (host: string | undefined) =>
  async (...args: readonly string[]): Promise<Buffer> =>
    (await inTurn(host, () => run("docker", at(host, args), { encoding: "buffer", maxBuffer: MOST }))).stdout;

/** The lines that it wrote, without empty ones. */
export const lines = async (asked: Promise<Said>): Promise<string[]> =>
  (await asked).stdout.split("\n").filter(Boolean);

/** Whether it ends with 0. */
export const works = (asked: Promise<Said>): Promise<boolean> =>
  asked.then(
    () => true,
    () => false,
  );
