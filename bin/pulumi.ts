/** Asks the CLI about a stack. Nothing here changes one. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { outputIn } from "../config/checkout.ts";
import { Refusal } from "../config/problems.ts";
import type { Deployment } from "./deployment.ts";
import type { Preview } from "./steps.ts";

const run = promisify(execFile);

export interface Where {
  /** Folder of the project. @default the current one */
  readonly cwd?: string;
  /** Laid over the environment. */
  readonly env?: Readonly<Record<string, string>>;
}

const cli = (args: readonly string[], { cwd = ".", env = {} }: Where): Promise<{ readonly stdout: string }> =>
  run("pulumi", [...args, "--non-interactive"], { cwd, env: { ...process.env, ...env }, maxBuffer: 1024 ** 3 });

/** @returns what the CLI writes on stdout. @throws {Refusal} with what it said. */
export const pulumi = async (args: readonly string[], where: Where = {}): Promise<string> =>
  (await cli(args, where).catch(failed)).stdout;

/** Has the CLI hold what it previews to the rules of policy/. */
export const HELD: readonly string[] = ["--policy-pack", join(import.meta.dirname, "../policy")];

/** @throws {Error} with the rules that are broken, where it is they that ended it */
export async function preview(
  stack: string,
  { options = [], ...where }: Where & { readonly options?: readonly string[] } = {},
): Promise<Preview> {
  const args = ["preview", "--stack", stack, ...options];
  try {
    return JSON.parse(await pulumi([...args, "--json"], where)) as Preview;
  } catch (error) {
    if ((error as Error).message !== "error: preview failed") throw error;
    // As JSON the CLI does not say what a policy pack found.
    const { stdout } = await cli(args, where).catch((failure: Error & { readonly stdout: string }) => failure);
    throw new Error(brokenRules(stdout) ?? (error as Error).message, { cause: error });
  }
}

/** What the CLI says under "Policies:", of the packs that found something. */
export const brokenRules = (said: string): string | undefined =>
  /^Policies:\n((?: .*\n|\n(?= ))*)/m.exec(said)?.[1]!.trimEnd() || undefined;

/** What the state holds, secrets included: it stays in this process. @throws {Refusal} where it cannot be read */
export async function stateOf(stack: string): Promise<Deployment> {
  const exported = await pulumi(["stack", "export", "--show-secrets", "--stack", stack]).catch((error: Error) => {
    const backend = process.env["PULUMI_BACKEND_URL"] ?? ".state of this checkout";
    throw new Refusal(
      /no stack named/.test(error.message)
        ? `stack ${stack} has no state in ${backend}: bin/up ${stack} makes it, or PULUMI_BACKEND_URL names where it is`
        : error.message,
    );
  });
  return (JSON.parse(exported) as { deployment: Deployment }).deployment;
}

/** Service → what runs. Outputs are those of the last complete up: a release that failed never reaches them. */
export async function runningImages(stack: string): Promise<Record<string, string>> {
  const output = outputIn(stack, "images");
  if (output !== undefined) return output as Record<string, string>;
  try {
    return JSON.parse(await pulumi(["stack", "output", "images", "--json", "--stack", stack])) as Record<
      string,
      string
    >;
  } catch (error) {
    if (/no stack named|does not have output/.test((error as Error).message)) return {};
    throw error;
  }
}

/** Without what the CLI says of where its plugins come from. */
const withoutPlugins = (stderr: string): string => stderr.replaceAll(/^warning: using pulumi-.*\n/gm, "").trim();

/** The errors, without the warnings around them; all that was said, if none is among it. */
function failed(error: Error & { stdout?: string; stderr?: string }): never {
  const { stdout = "", stderr = "" } = error;
  const { diagnostics = [] } = (/^\s*\{/.test(stdout) ? JSON.parse(stdout) : {}) as Preview;
  const errors = diagnostics.filter(({ severity }) => severity === "error").map(({ message }) => message.trim());
  throw new Refusal(
    errors.length
      ? errors.join("\n")
      : [...diagnostics.map(({ message }) => message.trim()), withoutPlugins(stderr) || error.message].join("\n"),
  );
}
