/** Logins that are named by a secret's version: somebody makes each before it is used, and drops it after. */
import type { Problem } from "../../config/problems.ts";
import { waitsFor } from "../graph.ts";
import { consumersOf, references, secretsIn, templatesOf } from "../template.ts";
import type { PlannedService } from "../types.ts";
import type { SecretKey } from "../../config/secrets.ts";
import { catalogueProblem, type Draft } from "./draft.ts";

export function loginProblems({ services, context: { shape } }: Draft): Problem[] {
  const named = services.flatMap(templatesOf).flatMap(references);
  const versioned = named.filter(({ filter }) => filter === "version");
  return secretsIn(versioned, shape.secrets).flatMap((key) => {
    const consumers = services.filter(({ name }) => consumersOf(services, key).includes(name));
    const makers = consumers.filter((service) => isMaker(service, key)).map(({ name }) => name);
    return consumers
      .filter(({ name }) => !makers.includes(name) && !makers.some((maker) => waitsFor(name, maker, services)))
      .map(({ name }) =>
        catalogueProblem(
          name,
          `names the login @{${key}|version}, which nobody makes before`,
          makers.length
            ? `a place after ${makers.join(" or ")}`
            : `a place after a job of the data tier that reads ${key} and makes the login`,
        ),
      );
  });
}

/** A job of the applications, such as a migration, uses the login that it names. */
const isMaker = (service: PlannedService, key: SecretKey): boolean =>
  service.kind === "job" &&
  service.tier === "data" &&
  templatesOf(service)
    .flatMap(references)
    .some(({ name, filter }) => name === key && filter !== "version");
