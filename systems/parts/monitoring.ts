import type { CatalogueArgs } from "../../plan/plan.ts";
import type { ServiceSpec } from "../../plan/types.ts";

export function monitoring(_args: CatalogueArgs, _services: readonly ServiceSpec[]): ServiceSpec[] {
  return [];
}
