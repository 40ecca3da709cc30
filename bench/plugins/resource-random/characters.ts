/** Random strings by the rules of the random provider: so many of each class, the rest from all of them, shuffled. */
import { randomInt } from "node:crypto";
import { str } from "../shared/wire.ts";
import type { Props } from "../shared/wire.ts";

const LOWER = "abcdefghijklmnopqrstuvwxyz";
const CLASSES = { lower: LOWER, upper: LOWER.toUpperCase(), numeric: "0123456789" } as const;
const SPECIAL = "!@#$%&*()-_=+[]{}<>:?";

const pick = (alphabet: string): string => alphabet[randomInt(alphabet.length)]!;

export function shuffled<T>(items: readonly T[]): T[] {
  const result = [...items];
  for (let at = result.length - 1; at > 0; at -= 1) {
    const other = randomInt(at + 1);
    [result[at], result[other]] = [result[other]!, result[at]!];
  }
  return result;
}

export function randomText(inputs: Props): string {
  const special = str(inputs["overrideSpecial"] || SPECIAL);
  const classes = [
    { chosen: inputs["lower"] !== false, least: Number(inputs["minLower"] ?? 0), alphabet: CLASSES.lower },
    { chosen: inputs["upper"] !== false, least: Number(inputs["minUpper"] ?? 0), alphabet: CLASSES.upper },
    { chosen: inputs["numeric"] !== false, least: Number(inputs["minNumeric"] ?? 0), alphabet: CLASSES.numeric },
    { chosen: inputs["special"] !== false, least: Number(inputs["minSpecial"] ?? 0), alphabet: special },
  ];
  const all = classes
    .filter(({ chosen }) => chosen)
    .map(({ alphabet }) => alphabet)
    .join("");
  const length = Number(inputs["length"]);
  const required = classes.flatMap(({ least, alphabet }) => Array.from({ length: least }, () => pick(alphabet)));
  if (required.length > length) throw new Error(`length is ${length}, but the minimums add up to ${required.length}`);
  if (all === "" && required.length < length) throw new Error("at least one class of characters must be allowed");
  const rest = Array.from({ length: length - required.length }, () => pick(all));
  return shuffled([...required, ...rest]).join("");
}
