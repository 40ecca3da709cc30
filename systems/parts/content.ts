/** Configuration content lives in files; catalogues refer to it by its path in the project. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../..");

/**
 * Text of a file. Carriage returns and a byte order mark, as editors of other systems write them, are taken off: no
 * shell runs a script that has them.
 * @param values Replaces `@{name}` where the value is known at planning time; the rest stays for deployment.
 */
export function content(path: string, values: Readonly<Record<string, string>> = {}): string {
  return Object.entries(values).reduce(
    (text, [name, value]) => text.replaceAll(`@{${name}}`, value),
    plainText(readFileSync(join(ROOT, path), "utf8")),
  );
}

export const plainText = (text: string): string => text.replace(/^\uFEFF/, "").replaceAll("\r\n", "\n");
