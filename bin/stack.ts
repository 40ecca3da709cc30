/** A stack file to a plan, with neither CLI nor engine: for the scripts of bin/ and for tests. */
import { join } from "node:path";
import { isSealed, projectKeys, remoteEngine, stackFile, stackText } from "../config/checkout.ts";
import { type Docker, dockerClient } from "../config/docker-client.ts";
import { thisMachine } from "../config/engine.ts";
import { foreignProblems, sharedProblems } from "../config/foreign.ts";
import { withInstead } from "../config/instead.ts";
import { offHere } from "../config/here.ts";
import { parseConfig, type RawSecret } from "../config/parse.ts";
import { ProblemsError, Refusal } from "../config/problems.ts";
import { faultOf } from "../config/secrets.ts";
import { systemOf } from "../config/shape.ts";
import { makePlan } from "../plan/plan.ts";
import type { Plan } from "../plan/types.ts";
import { systems } from "../systems/index.ts";

const ROOT = join(import.meta.dirname, "..");

/**
 * @param folder Where the stack file is.
 * @throws {ProblemsError} as `pulumi preview` would show it, except for what only it knows: the engine's size, the
 * other stacks on the engine, and the passphrase.
 */
export function planOf(stack: string, off: Iterable<string> = offHere(), folder = ROOT): Plan {
  const { config = {} } = stackFile(stack, folder);
  const { shape, catalogue } = systemOf(systems, config["berth:system"] as string | undefined, stack);
  const values = new Map<string, string>();
  const secrets = new Map<string, RawSecret>();
  for (const [key, value] of Object.entries(config)) {
    if (!key.startsWith("berth:")) continue;
    const name = key.slice("berth:".length);
    const encrypted = typeof value === "object" && value !== null && "secure" in value;
    // What is encrypted the CLI alone can read.
    const leaf = Object.hasOwn(shape.secrets, name) ? shape.secrets[name] : undefined;
    if (leaf) secrets.set(key, encrypted ? { encrypted } : { encrypted, fault: faultOf(String(value), leaf) });
    else values.set(key, typeof value === "string" ? value : JSON.stringify(value));
  }
  const sealed = new Set(Object.keys(config).filter((key) => isSealed(config[key])));
  const { values: whole } = withInstead(values, shape.system, process.env["BERTH_INSTEAD"]);
  const raw = { stack, values: whole, secrets, sealed, text: stackText(stack, folder) };
  const { settings, problems } = parseConfig(raw, shape);
  const all = [
    ...problems,
    ...foreignProblems(Object.keys(config), stack),
    ...sharedProblems(projectKeys(folder), stack),
  ];
  if (!settings || all.length) throw new ProblemsError(stack, all);
  return makePlan(catalogue, {
    stack,
    settings,
    shape,
    off: new Set([...settings.off, ...off]),
    configured: new Set([...secrets.keys()].map((key) => key.slice("berth:".length))),
    // As config/load.ts has it: of another machine's size nothing is known.
    host:
      "docker:host" in config || process.env["DOCKER_HOST"]
        ? { cpus: Infinity, memory: Infinity, platform: "linux/amd64" }
        : thisMachine(),
  });
}

/** Address of the stack's engine, where it is not this machine's. */
export function engineOf(stack: string): string | undefined {
  return (stackFile(stack, ROOT).config?.["docker:host"] as string | undefined) ?? remoteEngine();
}

/** The docker client of the stack's engine, which takes as long as it takes. */
export const dockerOf = (stack: string): Docker => dockerClient(engineOf(stack), { timeout: 0 });

/** Image of the system → what runs, from the stack's output `images`, which goes by service. */
export const builtImages = (
  { services }: Plan,
  running: Readonly<Record<string, string>>,
): Record<string, string | undefined> => {
  const refs = services.flatMap(({ name, image }): [string, string | undefined][] =>
    "build" in image ? [[image.build, running[name]]] : [],
  );
  // A service that is new in this checkout runs nowhere yet; others may run its image.
  return Object.fromEntries(
    Object.entries(Object.groupBy(refs, ([image]) => image))
      .sort()
      .map(([image, all]) => [image, all!.find(([, ref]) => ref)?.[1]]),
  );
};

/** What the machine says, in words, with a way out. */
const MACHINE: Readonly<Record<string, string>> = {
  ENOSPC: "its disk is full. Make room there (df -h), then run this again",
  EDQUOT: "the quota of this user is used up. Make room there, then run this again",
  EROFS: "it is on a file system that is read-only. Work in a checkout that can be written",
  EACCES: "this user may not. Run it as whoever owns the checkout (ls -l), or give it to this user (chown)",
  EPERM: "this user may not. Run it as whoever owns the checkout (ls -l), or give it to this user (chown)",
};

/** @returns what a person can mend, in words; undefined: it is a mistake of the program, and its trace is of use. */
export function wordsOf(error: unknown): string | undefined {
  if (error instanceof ProblemsError) return error.message;
  const { code = "", syscall = "", path = "", dest, message } = error as NodeJS.ErrnoException & { dest?: string };
  // The CLI says that it is an error itself.
  if (error instanceof Refusal) return `error: ${message.replace(/^error: /, "")}`;
  if (code === "ENOENT" && syscall.startsWith("spawn")) return `error: ${path} is not installed, or not on PATH`;
  return code in MACHINE
    ? `error: ${(dest ?? path) || "a file"} cannot be written or read: ${MACHINE[code]}`
    : undefined;
}

/** Runs a script's main function; what a person can mend is shown without a stack trace. */
export async function main(run: (stack: string) => void | Promise<void>): Promise<void> {
  try {
    await run(process.argv[2] ?? "dev");
  } catch (error) {
    const words = wordsOf(error);
    if (words === undefined) throw error;
    console.error(words);
    process.exitCode = 1;
  }
}
