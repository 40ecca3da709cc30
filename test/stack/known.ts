/** What a plan knows, so that no test lists services, containers or counts. */
import { routesOf } from "../../plan/routes.ts";
import { templatesOf } from "../../plan/template.ts";
import type { Plan, PlannedService } from "../../plan/types.ts";

export function knownTo(plan: Plan) {
  /** Everything that a service's files are made of, its own or those that it shares. */
  const textOf = (one: PlannedService): string =>
    templatesOf(one.sharesFilesOf === undefined ? one : service(one.sharesFilesOf)).join("\n");
  const names = (services: readonly PlannedService[]): string[] => services.map(({ name }) => name).sort();
  const service = (name: string): PlannedService => {
    const found = plan.services.find((one) => one.name === name);
    if (!found) throw new Error(`no service ${name} in ${names(plan.services).join(", ")}`);
    return found;
  };
  /** Services whose files name a template: a secret's, or `containers:<service>`. */
  const reading = (template: string): string[] =>
    names(plan.services.filter((one) => textOf(one).includes(`@{${template}`)));
  /** Every public path, with its service, the longest first: of two that a request falls under that one answers. */
  const open = plan.services
    .flatMap((one) => routesOf(one).flatMap(({ public: path, check }) => (path ? [{ service: one, path, check }] : [])))
    .sort((a, b) => b.path.length - a.path.length);
  return {
    plan,
    service,
    /** Services whose files hold a secret. */
    readers: (secret: string): string[] => reading(secret),
    /** These services, and those whose files name their containers: what is replaced when they are. */
    withFollowers: (services: readonly string[]): string[] =>
      [...new Set([...services, ...services.flatMap((name) => reading(`containers:${name}}`))])].sort(),
    /** Services that run an image of this checkout. */
    running: (image: string): string[] =>
      names(plan.services.filter((one) => "build" in one.image && one.image.build === image)),
    /** The image that a service is built from. */
    imageOf: (name: string): string => {
      const { image } = service(name);
      if (!("build" in image)) throw new Error(`${name} is pulled`);
      return image.build;
    },
    /** Services of a kind or a tier. */
    those: (filter: Partial<Pick<PlannedService, "kind" | "tier">>): PlannedService[] =>
      plan.services.filter((one) =>
        Object.entries(filter).every(([key, value]) => one[key as "kind" | "tier"] === value),
      ),
    /** The service that answers a public path. */
    behind: (path: string): PlannedService => {
      const found = open.find((one) => path.startsWith(one.path));
      if (!found) throw new Error(`nothing answers ${path}`);
      return found.service;
    },
    /** Services with a public path. */
    publicly: plan.services.filter((one) => routesOf(one).some(({ public: path }) => path !== undefined)),
    /** Paths that every public route must answer, through the edge. */
    checks: plan.services.flatMap((one) =>
      routesOf(one).flatMap(({ public: path, check }) => (path === undefined ? [] : [check])),
    ),
    /** Services that others reach through the edge. */
    internally: plan.services.filter((one) => routesOf(one).some(({ internal }) => internal !== undefined)),
    scraped: names(plan.services.filter(({ metrics }) => metrics !== undefined)),
  };
}
