/** Asks Trivy what an image holds, and what is known against it. */
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import type { Bill, Held, TrivyReport } from "./scanned.ts";
import type { Database } from "./types.ts";

const run = promisify(execFile);

/**
 * What Trivy may know of this process: how it gets at its database. Secrets of a stack are none of its business, and
 * nothing may make it tell less (TRIVY_SEVERITY, TRIVY_QUIET).
 */
const KNOWN =
  /^(PATH|HOME|TMPDIR|XDG_\w+|TRIVY_(CACHE_DIR|(JAVA_)?DB_REPOSITORY|USERNAME|PASSWORD|INSECURE)|SSL_CERT_\w+|(https?|no)_proxy)$/i;
const environment = (): NodeJS.ProcessEnv => ({
  TRIVY_DISABLE_TELEMETRY: "true",
  TRIVY_SKIP_VERSION_CHECK: "true",
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => KNOWN.test(name))),
});

/** Asks Trivy. @throws {Error} with what it said (wordsOf). */
export const ask = (...args: readonly string[]): Promise<{ stdout: string; stderr: string }> =>
  run("trivy", args, { env: environment(), maxBuffer: 1024 ** 3 });

/** What a program said last before it failed. */
export const wordsOf = (error: unknown): string => {
  const { stderr, message } = error as { stderr?: string; message: string };
  return (stderr ?? "").trim().split("\n").at(-1)!.trim() || message;
};

/** @returns undefined where it is not installed. @throws {Error} where it is and does not run. */
export async function versionOf(): Promise<string | undefined> {
  try {
    return (JSON.parse((await ask("version", "--format", "json")).stdout) as { Version: string }).Version;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new Error(`trivy is installed and does not run: ${wordsOf(error)}`, { cause: error });
  }
}

/**
 * Writes the bill of materials of an image to a file. @param archive As `docker save` writes it, because Trivy itself
 * does not reach an engine at ssh://, which docker does. @param name What the bill calls it; Trivy would call it by the
 * archive's path.
 */
export async function list(archive: string, name: string, file: string, flags: readonly string[]): Promise<Bill> {
  await ask("image", ...flags, "--quiet", "--format", "cyclonedx", "--output", file, "--input", archive);
  const bill = JSON.parse(await readFile(file, "utf8")) as Bill & { metadata: { component: { name: string } } };
  bill.metadata.component.name = name;
  await writeFile(file, `${JSON.stringify(bill, null, 2)}\n`);
  return bill;
}

/** Holds a bill of materials against a database. */
export async function hold(bill: string, { flags }: Database): Promise<Held> {
  // Exit code 0 whatever is found, and no .trivyignore: what fails and what is waived is decided by scan/gate.ts.
  const how = ["--scanners", "vuln", "--ignorefile", "/dev/null", "--format", "json"];
  const { stdout, stderr } = await ask("sbom", ...flags, ...how, bill);
  return { report: JSON.parse(stdout) as TrivyReport, log: stderr };
}
