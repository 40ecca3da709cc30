/** What docs/onboarding.md adds to a checkout, by the commands that the page gives. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** The words of every `npm run new` of the page, in its order. */
const said = (dir: string): string[] =>
  [...readFileSync(join(dir, "docs/onboarding.md"), "utf8").matchAll(/^npm run new -- (\S.*)$/gm)].map(
    ([, words]) => words!,
  );

/**
 * @param which What the words begin with.
 * @throws {Error} where the page has no such command, or one fails.
 */
export function addAsSaid(dir: string, which: string): void {
  const commands = said(dir).filter((words) => words.startsWith(which));
  if (commands.length === 0) throw new Error(`docs/onboarding.md does not say npm run new -- ${which}`);
  for (const words of commands)
    execFileSync(process.execPath, ["bin/new.ts", ...words.split(" ")], {
      cwd: dir,
      stdio: ["ignore", "ignore", "pipe"],
    });
}

/** The service that the end-to-end suites live with. */
export const addBilling = (dir: string): void => addAsSaid(dir, "service billing ");
