/** Prints what an up would change, for a reviewer: node bin/preview.ts [stack] */
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HELD, preview, pulumi } from "./pulumi.ts";
import { failure, report } from "./report.ts";
import type { Preview } from "./steps.ts";

const isMade = async (stack: string): Promise<boolean> =>
  (JSON.parse(await pulumi(["stack", "ls", "--json"])) as { name: string }[]).some(
    ({ name }) => name.split("/").at(-1) === stack,
  );

/**
 * The CLI previews only a stack that exists, and making one writes into its stack file: a copy is made and thrown away.
 */
async function first(stack: string): Promise<Preview> {
  const [cwd, file] = [mkdtempSync(join(tmpdir(), "berth-preview-")), `Pulumi.${stack}.yaml`];
  const where = { cwd, env: { PULUMI_BACKEND_URL: `file://${cwd}/.state` } };
  try {
    mkdirSync(join(cwd, ".state"));
    for (const entry of readdirSync(".").filter((name) => ![".state", ".git", file].includes(name)))
      symlinkSync(join(process.cwd(), entry), join(cwd, entry));
    copyFileSync(file, join(cwd, file));
    await pulumi(["stack", "init", stack, "--no-select"], where);
    return await preview(stack, { ...where, options: HELD });
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
}

const stack = process.argv[2] ?? "dev";
try {
  console.log(report(stack, (await isMade(stack)) ? await preview(stack, { options: HELD }) : await first(stack)));
} catch (error) {
  console.log(failure(stack, (error as Error).message));
  process.exitCode = 1;
}
