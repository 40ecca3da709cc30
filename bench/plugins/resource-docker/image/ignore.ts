/** The rules of .dockerignore: later lines win, `!` takes back, `**` spans folders. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

interface Rule {
  readonly expression: RegExp;
  readonly keep: boolean;
}

function expressionOf(pattern: string): RegExp {
  let source = "";
  for (let at = 0; at < pattern.length; at += 1) {
    const character = pattern[at]!;
    if (pattern.startsWith("**/", at)) {
      source += "(?:.*/)?";
      at += 2;
    } else if (pattern.startsWith("**", at)) {
      source += ".*";
      at += 1;
    } else if (character === "*") source += "[^/]*";
    else if (character === "?") source += "[^/]";
    else if (character === "\\" && at + 1 < pattern.length) source += `\\${pattern[(at += 1)]!}`;
    else if (character === "[" && pattern.includes("]", at)) {
      const end = pattern.indexOf("]", at);
      source += pattern.slice(at, end + 1);
      at = end;
    } else source += /[.+^${}()|]/.test(character) ? `\\${character}` : character;
  }
  // A folder that matches takes everything below it along.
  return new RegExp(`^${source}(?:/.*)?$`);
}

export function rulesOf(text: string): Rule[] {
  return text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const keep = line.startsWith("!");
      const pattern = (keep ? line.slice(1).trim() : line).replace(/^\.?\/+/, "").replace(/\/+$/, "");
      return { expression: expressionOf(pattern), keep };
    });
}

export const ignored = (rules: readonly Rule[], path: string): boolean =>
  rules.reduce((so, { expression, keep }) => (expression.test(path) ? !keep : so), false);

export const hasExceptions = (rules: readonly Rule[]): boolean => rules.some(({ keep }) => keep);

/** The Dockerfile's own file wins over the context's. */
export function readRules(context: string, dockerfile: string): Rule[] {
  const file = [`${dockerfile}.dockerignore`, join(context, ".dockerignore")].find((path) => existsSync(path));
  return file === undefined ? [] : rulesOf(readFileSync(file, "utf8"));
}
