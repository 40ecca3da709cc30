/** Services of a system by what they do: a test that needs a concrete one takes it from here, and so from the plan. */
import { resourceName } from "../../plan/names.ts";
import type { Plan } from "../../plan/types.ts";
import type { Stack } from "./stack.ts";

export interface Roles {
  readonly plan: Plan;
  /** Answers the light requests of users. */
  readonly front: string;
  /** Answers users as well; where it can be, one that may be switched off. */
  readonly beside: string;
  /** Answers other services only; where there is none, an application that answers nobody. */
  readonly inner: string;
  /** Does the work that goes on after its request was answered. */
  readonly worker: string;
  /** A job of the applications; where there is none, `login`. */
  readonly job: string;
  /** The job that makes the log-ins of the first store. */
  readonly login: string;
  /** What measures the first store. */
  readonly exporter: string;
  /** The image that the front runs. */
  readonly image: string;
  /** Name of a resource of the stack, but for what the provider adds: `api`, 1 to `assistant-e2e-api-1`. */
  readonly named: (...parts: (string | number)[]) => string;
}

export function rolesOf({ project, driver }: Stack): Roles {
  const { known } = project;
  const { plan } = known;
  const front = known.behind(driver.paths.light).name;
  const [{ service: store, login }] = driver.stores;
  const { worker } = driver.jobs;
  const open = known.publicly.filter(({ name }) => name !== front);
  const quiet = known.those({ tier: "app" }).filter((one) => !known.publicly.includes(one) && one.name !== worker);
  return {
    plan,
    front,
    beside: (open.find(({ optional }) => optional) ?? open[0]!).name,
    inner: (known.internally[0] ?? quiet[0]!).name,
    worker,
    job: known.those({ kind: "job", tier: "app" })[0]?.name ?? login,
    login,
    exporter: `${store}-exporter`,
    image: known.imageOf(front),
    named: (...parts) => resourceName(plan.system, plan.stack, ...parts),
  };
}
