/** Configuration content lives in files; catalogues refer to it by its path in the project. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../..");

/** @param values Replaces `@{name}` where the value is known at planning time; the rest stays for deployment. */
export function content(path: string, values: Readonly<Record<string, string>> = {}): string {
  return Object.entries(values).reduce(
    (text, [name, value]) => text.replaceAll(`@{${name}}`, value),
    readFileSync(join(ROOT, path), "utf8"),
  );
}
