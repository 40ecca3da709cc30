/** The systems that a stack can run, by the name that `berth:system` takes: one folder each. */
import { assistant } from "./assistant/index.ts";
import { kailash } from "./kailash/index.ts";
import type { SystemDefinition } from "./system.ts";
import { samplemind } from "./samplemind/index.ts";

export const systems = { assistant, samplemind, kailash } satisfies Readonly<Record<string, SystemDefinition>>;
