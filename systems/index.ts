/** The systems that a stack can run, by the name that `berth:system` takes. */
import type { Settings } from "../config/schema.ts";
import type { Catalogue } from "../plan/types.ts";
import { assistant } from "./assistant.ts";

export const systems: Readonly<Record<Settings["system"], Catalogue>> = { assistant };
