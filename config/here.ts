/** What a machine says of itself by its environment, rather than the stack file. */
import { Refusal } from "./problems.ts";

const words = (name: string): string[] => (process.env[name] ?? "").split(/[\s,]+/).filter(Boolean);

/** Services that it cannot run, because no image of theirs is to be had (`BERTH_OFF`). */
export const offHere = (): string[] => words("BERTH_OFF");

/** What it runs in the place of an image that a system names: `BERTH_BASE_IMAGES`, `wanted=instead` each. */
export const imageHere = (reference: string): string =>
  new Map(words("BERTH_BASE_IMAGES").map((word) => word.split("=", 2) as [string, string])).get(reference) ?? reference;

/** How many of something it keeps. @throws {Refusal} where it says what is no number: none would be kept. */
export function keptHere(name: string, otherwise: number): number {
  const text = process.env[name] || String(otherwise);
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new Refusal(`${name} is ${text}: a whole number from 1 is needed. Nothing was touched: unset ${name}`);
}
