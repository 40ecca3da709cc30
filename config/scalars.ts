/**
 * Values of a stack file that arrive as something else than was written, or as one thing in the program and another in
 * the scripts. To the CLI (3.259) 010 is 8, 0b11 is 3, 1_000 is 1000, +5 is 5, ~ is empty, and 2026-01-01 a moment with
 * its time zone; to other readers of YAML some of them are text.
 */
import { isMap, isScalar, isSeq, LineCounter, parseDocument } from "yaml";
import { type Problem, setCommand } from "./problems.ts";

/** What everybody reads alike. */
const PLAIN = /^(?:-?(?:0|[1-9]\d*)(?:\.\d+)?|true|false)$/;
const DOUBTFUL: readonly RegExp[] = [
  /^[-+]?0[xob][\da-f_]+$/i,
  /^[-+]?(?:[\d_]*\.)?\d[\d_]*\.?(?:e[-+]?\d+)?$/i,
  /^[-+]?\.(?:inf|nan)$/i,
  /^\d{4}-\d{1,2}-\d{1,2}(?:[Tt\s].*)?$/,
  /^(?:~|null)?$/i,
  // Other than in lower case they are handed over as true and false as well.
  /^(?:true|false)$/i,
];

/** Text that a variable is given, which is handed over without the zeros at its end. */
const isChanged = (path: string, source: string, value: unknown): boolean =>
  path.includes(".environment.") && typeof value === "number" && String(value) !== source;

const isDoubtful = (source: string): boolean => !PLAIN.test(source) && DOUBTFUL.some((form) => form.test(source));

/**
 * @param text The stack file.
 * @param isText Whether a key takes text: a number would be handed over without what is no part of its value.
 * @returns nothing where it is no YAML: whoever reads it says so.
 */
export function scalarProblems(text: string, stack: string, isText: (key: string) => boolean): Problem[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const config: unknown = document.errors.length ? undefined : document.get("config", true);
  const found: Problem[] = [];
  const look = (node: unknown, path: string): void => {
    if (isMap(node)) for (const { key, value } of node.items) look(value, `${path}.${nameOf(key)}`);
    else if (isSeq(node)) node.items.forEach((item, n) => look(item, `${path}[${n}]`));
    else if (isScalar(node) && node.type === "PLAIN") {
      const { source = "", value, range } = node;
      if (isText(path) && typeof value === "number") found.push(number(path, stack));
      else if (isDoubtful(source) || isChanged(path, source, value))
        found.push(doubt(path, source, lines.linePos(range![0]).line, stack));
    }
  };
  if (isMap(config))
    for (const { key, value } of config.items) if (/^(?:berth|docker):/.test(nameOf(key))) look(value, nameOf(key));
  return found;
}

const nameOf = (key: unknown): string => String(isScalar(key) ? key.value : key);

const number = (key: string, stack: string): Problem => ({
  key,
  got: "a number in the stack file, which need not be what was written",
  allowed: "text, in quotes",
  fix: setCommand(key, "<value>", stack),
});

const doubt = (key: string, source: string, line: number, stack: string): Problem => ({
  key,
  got: source === "" ? "nothing" : `${source}, which YAML takes for something else`,
  allowed: "text in quotes; numbers in digits alone, such as 1000 or 0.5; true or false",
  fix: `write it so in line ${line} of Pulumi.${stack}.yaml${source === "" ? ", or take the line away" : ""}`,
});
