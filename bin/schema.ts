/** Writes what config/generate.ts makes from the keys of the systems. `--check` only tells whether it is current. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { generated } from "../config/generate.ts";
import { systems } from "../systems/index.ts";

const ROOT = join(import.meta.dirname, "..");
const stale = Object.entries(generated(systems)).filter(([file, text]) => {
  try {
    return readFileSync(join(ROOT, file), "utf8") !== text;
  } catch {
    return true;
  }
});
if (!process.argv.includes("--check")) for (const [file, text] of stale) writeFileSync(join(ROOT, file), text);
else if (stale.length) {
  console.error(`not current: ${stale.map(([file]) => file).join(", ")}. Run: npm run schema`);
  process.exitCode = 1;
}
