/** The schema of the assistant's database, as the checkout has it. */
import { readdirSync } from "node:fs";
import { join } from "node:path";

const VERSIONS = join(import.meta.dirname, "../../../services/assistant/src/migrations/versions");

/** Its newest revision: "0003". */
export const NEWEST = readdirSync(VERSIONS)
  .filter((file) => /^\d{4}_.*\.py$/.test(file))
  .sort()
  .at(-1)!
  .slice(0, 4);

/** A revision that is so many after the newest. */
export const later = (n: number): string => String(Number(NEWEST) + n).padStart(4, "0");
