/** What a machine says of itself by its environment, rather than the stack file. */

const words = (name: string): string[] => (process.env[name] ?? "").split(/[\s,]+/).filter(Boolean);

/** Services that it cannot run, because no image of theirs is to be had (`BERTH_OFF`). */
export const offHere = (): string[] => words("BERTH_OFF");

/** What it runs in the place of an image that a system names: `BERTH_BASE_IMAGES`, `wanted=instead` each. */
export const imageHere = (reference: string): string =>
  new Map(words("BERTH_BASE_IMAGES").map((word) => word.split("=", 2) as [string, string])).get(reference) ?? reference;
