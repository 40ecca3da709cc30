/** Adds the service of docs/onboarding.md to a copy of the checkout, as the page says: by its folder and its entry. */
import { execFileSync } from "node:child_process";
import { cpSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** @throws {Error} where the page has no diff, the copy has the service, or systems/assistant/index.ts has moved on. */
export function addBilling(dir: string): void {
  const page = readFileSync(join(dir, "docs/onboarding.md"), "utf8");
  const entry = /^```diff\n([\s\S]*?)^```/m.exec(page)?.[1];
  if (entry === undefined) throw new Error("docs/onboarding.md has no diff");
  execFileSync("git", ["apply", "-"], {
    cwd: dir,
    input: entry,
    // The copy may be no repository. One that it lies in would make git pass over its files.
    env: { ...process.env, GIT_CEILING_DIRECTORIES: dirname(dir) },
  });
  cpSync(join(dir, "docs/examples/billing/service"), join(dir, "services/billing"), {
    recursive: true,
    errorOnExist: true,
    force: false,
  });
}
