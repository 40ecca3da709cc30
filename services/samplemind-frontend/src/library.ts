/** The list of samples as far as it was asked for, and what is asked again. */
import type { Page, Sample } from "./api.ts";

export interface Library {
  readonly items: readonly Sample[];
  readonly next: string | null;
  readonly phase: "loading" | "loaded" | "failed";
  /** Why it failed. */
  readonly error?: string;
}

export type LibraryAction =
  | { readonly type: "loading" }
  | { readonly type: "loaded" | "continued"; readonly page: Page }
  | { readonly type: "failed"; readonly error: string }
  | { readonly type: "added"; readonly sample: Sample }
  | { readonly type: "refreshed"; readonly samples: readonly Sample[] }
  | { readonly type: "removed"; readonly ids: readonly string[] };

export const EMPTY: Library = { items: [], next: null, phase: "loading" };

export function library(state: Library, action: LibraryAction): Library {
  switch (action.type) {
    case "loading":
      return { items: state.items, next: state.next, phase: "loading" };
    case "loaded":
      return { ...action.page, phase: "loaded" };
    case "continued":
      return { items: unique([...state.items, ...action.page.items]), next: action.page.next, phase: "loaded" };
    case "failed":
      return { ...state, phase: "failed", error: action.error };
    case "added":
      return { ...state, items: unique([action.sample, ...state.items]) };
    case "refreshed": {
      const fresh = new Map(action.samples.map((sample) => [sample.id, sample]));
      return { ...state, items: state.items.map((sample) => fresh.get(sample.id) ?? sample) };
    }
    case "removed":
      return { ...state, items: state.items.filter(({ id }) => !action.ids.includes(id)) };
  }
}

/** Of two of one id the first. */
const unique = (samples: readonly Sample[]): readonly Sample[] =>
  samples.filter(({ id }, index) => samples.findIndex((other) => other.id === id) === index);

export const isUnfinished = ({ state }: Sample): boolean => state === "waiting" || state === "analysing";

/** Those to ask for again: the oldest, because they are finished first, and not all of them at once. */
export const unfinished = (items: readonly Sample[], atMost = 8): readonly string[] =>
  items
    .filter(isUnfinished)
    .map(({ id }) => id)
    .slice(-atMost);

/** @param times How often it was asked without news. @returns Milliseconds until it is asked again: 1.5 s to 15 s. */
export const pause = (times: number): number => Math.min(15_000, 1500 * 1.4 ** times);

/** What became of samples that were waited for, in a sentence each. */
export function news(before: readonly Sample[], after: readonly Sample[]): readonly string[] {
  const waited = new Set(before.filter(isUnfinished).map(({ id }) => id));
  return after
    .filter((sample) => waited.has(sample.id) && !isUnfinished(sample))
    .map(({ name, state, error }) => (state === "ready" ? `${name} is analysed.` : `${name} failed: ${reason(error)}`));
}

/** Why a sample failed. */
export const reason = (error: string | null): string => error ?? "The analysis failed.";
