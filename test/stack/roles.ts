/** Services of a system by what they do: a test that needs a concrete one takes it from here, and so from the plan. */
import { resourceName } from "../../plan/names.ts";
import type { Plan } from "../../plan/types.ts";
import type { Stack } from "./stack.ts";

export interface Roles {
  readonly plan: Plan;
  /** Answers the light requests of users. */
  readonly front: string;
  /** Answers users as well, and may be switched off. */
  readonly beside: string;
  /** Answers other services only. */
  readonly inner: string;
  /** Does the work that goes on after its request was answered. */
  readonly worker: string;
  /** A job of the applications. */
  readonly job: string;
  /** The image that the front runs. */
  readonly image: string;
  /** Name of a resource of the stack, but for what the provider adds: `api`, 1 to `assistant-e2e-api-1`. */
  readonly named: (...parts: (string | number)[]) => string;
}

export function rolesOf({ project, driver }: Stack): Roles {
  const { known } = project;
  const { plan } = known;
  const front = known.behind(driver.paths.light).name;
  return {
    plan,
    front,
    beside: known.publicly.find(({ name, optional }) => optional && name !== front)!.name,
    inner: known.internally[0]!.name,
    worker: driver.jobs.worker,
    job: known.those({ kind: "job", tier: "app" })[0]!.name,
    image: known.imageOf(front),
    named: (...parts) => resourceName(plan.system, plan.stack, ...parts),
  };
}
