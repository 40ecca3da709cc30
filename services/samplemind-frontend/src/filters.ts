/** What the list is narrowed to, as the form has it, as the address of the page has it, and as the API takes it. */

/** Every field as it was typed; empty: not narrowed by it. */
export interface Filters {
  readonly q: string;
  readonly key: string;
  readonly tempo_min: string;
  readonly tempo_max: string;
}

export const NONE: Filters = { q: "", key: "", tempo_min: "", tempo_max: "" };

const NAMES = Object.keys(NONE) as (keyof Filters)[];
const TONICS = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];

/** The keys that the analysis tells apart. */
export const KEYS: readonly string[] = TONICS.flatMap((tonic) => [`${tonic} major`, `${tonic} minor`]);

/** What is set, and nothing else, so that two equal filters have one address. */
export const queryOf = (filters: Filters): URLSearchParams =>
  new URLSearchParams(
    NAMES.map((name): [string, string] => [name, filters[name].trim()]).filter(([, value]) => value !== ""),
  );

/** What an address says; what it does not say, or says wrongly, narrows nothing. */
export function filtersOf(query: URLSearchParams): Filters {
  const given = Object.fromEntries(NAMES.map((name) => [name, query.get(name) ?? ""])) as unknown as Filters;
  const tempo = (value: string): string => (isTempo(value) ? value : "");
  return {
    ...given,
    key: KEYS.includes(given.key) ? given.key : "",
    tempo_min: tempo(given.tempo_min),
    tempo_max: tempo(given.tempo_max),
  };
}

export const isSet = (filters: Filters): boolean => queryOf(filters).size > 0;

/** Why the API would not take them, in a sentence; nothing, if it would. */
export function problemOf({ tempo_min: from, tempo_max: to }: Filters): string | undefined {
  for (const value of [from, to])
    if (value !== "" && !isTempo(value)) return `A tempo is a number from 0 to 1000, not ${value}.`;
  if (from !== "" && to !== "" && Number(from) > Number(to)) return `No tempo is from ${from} to ${to}.`;
  return undefined;
}

const isTempo = (value: string): boolean => /^\d+(\.\d+)?$/.test(value) && Number(value) <= 1000;
