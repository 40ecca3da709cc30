/** What is checked before it is a plan. */
import type { Problem } from "../../config/problems.ts";
import type { Reference } from "../template.ts";
import type { Context, PlannedService, ServiceSpec, System } from "../types.ts";

export interface Draft {
  /** The whole catalogue, with what is switched off. */
  readonly system: System;
  /** Entries of what runs here. */
  readonly on: readonly ServiceSpec[];
  /** The same, with everything decided. */
  readonly services: readonly PlannedService[];
  /** What their files, and what a person is shown to log in with, ask for. */
  readonly asked: readonly Reference[];
  readonly context: Context;
}

/** What is wrong with a draft. It names the key, what it got, what is allowed and the command that mends it. */
export type Check = (draft: Draft) => readonly Problem[];

/** A mistake in systems/, not in the stack file. */
export const catalogueProblem = (where: string, got: string, allowed: string): Problem => ({
  key: `catalogue ${where}`,
  got,
  allowed,
  fix: `mend the entry in systems/`,
});
