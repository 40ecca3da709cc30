/** Builds an image that no stack runs yet, as Pulumi would. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
let found: Promise<string> | undefined;

export interface BuildArgs {
  readonly context: string;
  /** @default the one in the context */
  readonly dockerfile?: string;
  readonly target: string;
  readonly args: Readonly<Record<string, string>>;
  readonly platform: string;
  /** @default none: the image goes with the engine's next clean-up */
  readonly tag?: string;
  /** Whether nothing is taken from an earlier build. @default false */
  readonly fresh?: boolean;
}

/** @returns the image's id. @throws {Error} with what the build said. */
export async function buildImage({
  context,
  dockerfile,
  target,
  args,
  platform,
  tag,
  fresh,
}: BuildArgs): Promise<string> {
  const flags = [
    ...(fresh ? ["--no-cache"] : []),
    ...(tag === undefined ? [] : ["--tag", tag]),
    ...(dockerfile === undefined ? [] : ["--file", dockerfile]),
    ...Object.entries(args).flatMap(([key, value]) => ["--build-arg", `${key}=${value}`]),
  ];
  const { stdout } = await run(
    await (found ??= builder()),
    ["build", "--quiet", "--platform", platform, "--target", target, ...flags, context],
    { env: { ...process.env, DOCKER_BUILDKIT: "1" }, maxBuffer: 64 * 1024 ** 2 },
  );
  return stdout.trim();
}

/**
 * The Dockerfiles need BuildKit. The first docker on PATH may be a bare client, with an
 * older one that has it built in behind it.
 */
async function builder(): Promise<string> {
  const clients = (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((folder) => join(folder, "docker"))
    .filter((file) => existsSync(file));
  for (const client of clients) {
    try {
      const { stdout } = await run(client, ["--version"]);
      if (Number(/version (\d+)/.exec(stdout)?.[1] ?? 99) >= 23) await run(client, ["buildx", "version"]);
      return client;
    } catch {
      /* the next one */
    }
  }
  throw new Error("no docker with BuildKit is on PATH: install the plugin docker-buildx");
}
