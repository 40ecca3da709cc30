/** What can be wrong in an entry of the catalogue by itself, or beside the others. */
import { didYouMean } from "../../config/nearest.ts";
import type { Problem } from "../../config/problems.ts";
import { startOrder, waitsFor } from "../graph.ts";
import { references, templatesOf } from "../template.ts";
import type { PlannedService, ServiceSpec, System, VolumeMount } from "../types.ts";
import { catalogueProblem, type Draft } from "./draft.ts";

export const entryProblems = ({ system, on, services, context: { shape } }: Draft): Problem[] => [
  ...twice(system),
  ...on.flatMap((spec) => [
    ...usesProblems(spec, system),
    ...waitingProblems(spec, system, Object.keys(shape.secrets)),
    ...imageProblems(spec, system),
    ...healthProblems(spec),
    ...metricsProblems(spec),
    ...replicaProblems(spec),
    ...prunesProblems(spec, Object.keys(shape.secrets)),
    ...sharingProblems(spec, on, services),
    ...connectionProblems(spec),
  ]),
  ...nameProblems(system),
  ...schemaProblems(system),
  ...meaningProblems(system),
  ...circle(system, startOrder(services).cycle),
];

const namesOf = ({ services }: System): string[] => services.map(({ name }) => name);

function twice(system: System): Problem[] {
  const names = namesOf(system);
  const again = new Set(names.filter((name, n) => names.indexOf(name) !== n));
  return [...again].map((name) => catalogueProblem(name, "two services of this name", "a name of its own"));
}

function usesProblems({ name, uses = [] }: ServiceSpec, { stores = [] }: System): Problem[] {
  const known = stores.map((store) => store.name);
  return uses
    .filter((used) => !known.includes(used))
    .map((used) =>
      catalogueProblem(
        name,
        `uses "${used}", which the system does not have${didYouMean(used, known)}`,
        known.join(", ") || "nothing: the system has no stores",
      ),
    );
}

function waitingProblems(spec: ServiceSpec, system: System, secrets: readonly string[]): Problem[] {
  const names = namesOf(system);
  const waits = (spec.after ?? [])
    .filter((name) => !names.includes(name))
    .map((name) =>
      catalogueProblem(
        spec.name,
        `waits for "${name}", which is not there${didYouMean(name, names)}`,
        names.join(", "),
      ),
    );
  const known = [...secrets, ...names.map((name) => `containers:${name}`)];
  const asks = templatesOf(spec)
    .flatMap(references)
    .filter(({ name }) => !known.includes(name))
    .map(({ name }) =>
      catalogueProblem(
        spec.name,
        `a file refers to @{${name}}${didYouMean(name, known)}`,
        "a secret's key, or containers: with a service it comes after",
      ),
    );
  return [...waits, ...asks];
}

function imageProblems({ name, image }: ServiceSpec, { images }: System): Problem[] {
  const known = Object.keys(images);
  return !("build" in image) || known.includes(image.build)
    ? []
    : [
        catalogueProblem(
          name,
          `runs the image "${image.build}", which nobody builds${didYouMean(image.build, known)}`,
          known.join(", ") || "an image of the system",
        ),
      ];
}

const healthProblems = ({ name, health: { test } }: ServiceSpec): Problem[] =>
  test.length < 2 || !/^CMD(-SHELL)?$/.test(test[0]!)
    ? [catalogueProblem(name, "no health check", "a health check on every service")]
    : [];

function metricsProblems({ name, metrics, port, networks }: ServiceSpec): Problem[] {
  if (metrics === undefined) return [];
  return [
    ...((metrics.port ?? port) === undefined
      ? [catalogueProblem(name, "has metrics but no port", "the port that Prometheus asks")]
      : []),
    ...(networks.includes("monitoring")
      ? []
      : [catalogueProblem(name, "has metrics, but is not on the network monitoring", "where Prometheus reaches it")]),
  ];
}

/** What names are made of that others find a container, a volume or an image by. */
const NAME = /^[a-z](?:[a-z0-9-]*[a-z0-9])?$/;

function nameProblems(system: System): Problem[] {
  const endpoints = system.services.flatMap(({ name, publish = {} }) =>
    Object.keys(publish).map((endpoint) => ({ name, endpoint })),
  );
  const names = [
    system.name,
    ...namesOf(system),
    ...Object.keys(system.images),
    ...system.services.flatMap(({ volumes = [] }) => volumes.map(({ name }) => name)),
    ...endpoints.map(({ endpoint }) => endpoint),
  ];
  return [
    ...[...new Set(names)]
      .filter((name) => !NAME.test(name))
      .map((name) =>
        catalogueProblem(
          `name "${name}"`,
          "is no name",
          "lower-case letters, digits and hyphens, beginning with a letter",
        ),
      ),
    ...endpoints.flatMap(({ name, endpoint }, n) => {
      const other = endpoints.findIndex((one) => one.endpoint === endpoint);
      return other === n
        ? []
        : [
            catalogueProblem(
              name,
              `publishes ${endpoint}, as ${endpoints[other]!.name} does`,
              "an endpoint of its own",
            ),
          ];
    }),
  ];
}

const replicaProblems = ({ name, kind, replicas = 1 }: ServiceSpec): Problem[] =>
  replicas > 1 && kind !== "stateless"
    ? [catalogueProblem(name, `${replicas} replicas of a ${kind} service`, "one, or a stateless service")]
    : [];

const prunesProblems = ({ name, prunes }: ServiceSpec, secrets: readonly string[]): Problem[] =>
  prunes === undefined || secrets.includes(prunes)
    ? []
    : [catalogueProblem(name, `prunes "${prunes}"${didYouMean(prunes, secrets)}`, "a secret's key")];

/** Until its owner is declared there are no files, and who is neither their user nor root may not read them. */
function sharingProblems(
  spec: ServiceSpec,
  on: readonly ServiceSpec[],
  services: readonly PlannedService[],
): Problem[] {
  const { name, uid, sharesFilesOf: owner } = spec;
  if (owner === undefined) return [];
  const found = on.find((other) => other.name === owner);
  const allowed = "another service with files, of the same user, that it comes after; and none of its own";
  const isGood =
    found?.uid === uid &&
    templatesOf(found).length > 0 &&
    templatesOf(spec).length === 0 &&
    waitsFor(name, owner, services);
  return isGood ? [] : [catalogueProblem(name, `reads the files of "${owner}"`, allowed)];
}

/** Without the variable, its pool would not be counted. */
const connectionProblems = ({ name, connections, environment = {} }: ServiceSpec): Problem[] =>
  connections === undefined || connections.variable in environment
    ? []
    : [
        catalogueProblem(
          name,
          `counts its connections by ${connections.variable}, which is not in its environment`,
          "a variable of its environment",
        ),
      ];

/** Whoever is asked for the version of the schema, and whoever makes it, has to be there. */
function schemaProblems(system: System): Problem[] {
  const names = namesOf(system);
  return [system.schemaVersion?.service, system.schemaVersion?.madeBy]
    .flatMap((name) => (name === undefined || names.includes(name) ? [] : name))
    .map((name) =>
      catalogueProblem(system.name, `its schema's version names "${name}"${didYouMean(name, names)}`, names.join(", ")),
    );
}

const meaningOf = ({ keep = "scratch", device }: VolumeMount): string =>
  device === undefined ? keep : `${keep} in ${device}`;

/** A volume is made as whoever mounts it first says: data that is scratch to that one would have no protection. */
function meaningProblems({ services }: System): Problem[] {
  const first = new Map<string, { readonly service: string; readonly meaning: string }>();
  return services.flatMap(({ name: service, volumes = [] }) =>
    volumes.flatMap((mount) => {
      const [meaning, known] = [meaningOf(mount), first.get(mount.name)];
      if (known === undefined) first.set(mount.name, { service, meaning });
      return known === undefined || known.meaning === meaning
        ? []
        : [
            catalogueProblem(
              service,
              `mounts the volume ${mount.name} as ${meaning}; to ${known.service} it is ${known.meaning}`,
              "one meaning (keep, device) of a volume's name",
            ),
          ];
    }),
  );
}

const circle = (system: System, cycle: readonly string[] | undefined): Problem[] =>
  cycle === undefined
    ? []
    : [
        catalogueProblem(
          system.name,
          `services wait for each other: ${cycle.join(" → ")}`,
          "a start order without a circle",
        ),
      ];
