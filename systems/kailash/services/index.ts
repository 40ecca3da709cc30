/** Services with an image of their own, an entry each: `npm run new service` adds one. */
import type { Entry } from "../../part.ts";

export const entries: readonly Entry[] = [];
