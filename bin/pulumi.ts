/** Asks the CLI about a stack. Nothing here changes one. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Preview } from "./steps.ts";

const run = promisify(execFile);

export interface Where {
  /** Folder of the project. @default the current one */
  readonly cwd?: string;
  /** Laid over the environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** @returns what the CLI writes on stdout. @throws {Error} with what it said. */
export async function pulumi(args: readonly string[], { cwd = ".", env = {} }: Where = {}): Promise<string> {
  return (
    await run("pulumi", [...args, "--non-interactive"], {
      cwd,
      env: { ...process.env, ...env },
      maxBuffer: 1024 ** 3,
    }).catch(failed)
  ).stdout;
}

/** @throws {Error} */
export async function preview(
  stack: string,
  { options = [], ...where }: Where & { readonly options?: readonly string[] } = {},
): Promise<Preview> {
  return JSON.parse(await pulumi(["preview", "--json", "--stack", stack, ...options], where)) as Preview;
}

/** Service → what runs. Outputs are those of the last complete up: a release that failed never reaches them. */
export async function runningImages(stack: string): Promise<Record<string, string>> {
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

/** The errors, without the warnings around them; all that was said, if none is among it. */
function failed(error: Error & { stdout?: string; stderr?: string }): never {
  const { stdout = "", stderr = "" } = error;
  const { diagnostics = [] } = (/^\s*\{/.test(stdout) ? JSON.parse(stdout) : {}) as Preview;
  const errors = diagnostics.filter(({ severity }) => severity === "error").map(({ message }) => message.trim());
  throw new Error(
    errors.length
      ? errors.join("\n")
      : [...diagnostics.map(({ message }) => message.trim()), stderr.trim() || error.message].join("\n"),
  );
}
