/** Settings and a catalogue to a plan, or every problem at once. Pure: it can be printed without an engine. */
import { ProblemsError } from "../config/problems.ts";
import type { Settings } from "../config/schema.ts";
import { effectNotices } from "./checks/effect.ts";
import { engineNotices } from "./checks/engine.ts";
import { problemsIn } from "./checks/index.ts";
import { portNotices } from "./checks/ports.ts";
import { sizeNotices } from "./checks/sizes.ts";
import { environmentNotices } from "./environments.ts";
import { startOrder, waitsFor } from "./graph.ts";
import { resolveLimits } from "./limits.ts";
import { labels } from "./names.ts";
import { neighbourNotices } from "./neighbours.ts";
import { inOrder } from "./order.ts";
import { buildArgs, outside } from "./outside.ts";
import { routesOf } from "./routes.ts";
import { consumersOf, references, secretsIn, templatesOf } from "./template.ts";
import type { Catalogue, Context, Plan, PlannedService, PublishedPort, ServiceSpec, System } from "./types.ts";

/** @throws {ProblemsError} naming every key to mend. */
export function makePlan(catalogue: Catalogue, given: Context): Plan {
  const { settings, stack } = given;
  const leaves = given.shape.secrets;
  // As clients write it: what is signed with it would differ by a capital, by a slash, or by the usual port.
  const url = settings.publicUrl ?? defaultUrl(given);
  const publicUrl = URL.parse(url)?.origin ?? url;
  const system = catalogue({
    stack,
    settings,
    publicUrl,
    has: (key) => given.configured.has(key),
    isOn: (name) => !given.off.has(name),
  });
  const off = system.services
    .filter((service) => service.optional && given.off.has(service.name))
    .map((service) => service.name)
    .sort();
  const context = { ...given, off: new Set(off) };
  const on = system.services.filter((service) => !context.off.has(service.name));
  const services = on.map((spec) => planService(spec, on, system, context));
  const credentials = Object.fromEntries(
    Object.entries(system.credentials).filter(([name]) => services.some((service) => service.name === name)),
  );
  const asked = [...services.flatMap(templatesOf), ...Object.values(credentials)].flatMap(references);
  const problems = problemsIn({ system, on, services, asked, context });
  if (problems.length) throw new ProblemsError(stack, problems);
  const secretKeys = secretsIn(asked, leaves);
  return {
    stack,
    environment: settings.environment,
    system: system.name,
    ...(system.database === undefined ? {} : { database: system.database }),
    platform: settings.platform ?? given.host.platform,
    ...(settings.registry === undefined ? {} : { registry: settings.registry }),
    restart: settings.restart,
    protectData: settings.protectData,
    images: withExisting(system.images, settings.images),
    buildArgs: buildArgs(settings),
    networks: [...new Set(services.flatMap((service) => service.networks))].sort(),
    ...(settings.subnet === undefined ? {} : { subnet: settings.subnet }),
    services: startOrder(services).order,
    buildsInTurn: context.engine?.containerd ?? false,
    startsAtOnce: Math.max(1, Math.floor(given.host.cpus)),
    off,
    urls: urlsOf(services, publicUrl, system),
    publicUrl,
    credentials,
    secretKeys,
    secretLeaves: Object.fromEntries(secretKeys.map((key) => [key, leaves[key]!])),
    ...(system.schemaVersion === undefined ? {} : { schemaVersion: system.schemaVersion }),
    versionedSecrets: secretsIn(
      asked.filter((reference) => reference.filter === "version"),
      leaves,
    ),
    notices: [
      ...environmentNotices(services, system, context),
      ...effectNotices(services, context),
      ...engineNotices(services, context),
      ...sizeNotices(on, services, context),
      ...portNotices(services, context),
      ...neighbourNotices(services, context),
    ],
  };
}

const withExisting = (images: System["images"], existing: Readonly<Record<string, string>>): System["images"] =>
  Object.fromEntries(
    Object.entries(images).map(([name, spec]) => [name, existing[name] ? { ...spec, existing: existing[name] } : spec]),
  );

function planService(
  spec: ServiceSpec,
  on: readonly ServiceSpec[],
  system: System,
  { settings, stack, off }: Context,
): PlannedService {
  const own = settings.services[spec.name];
  const ports = publishedPorts(spec, settings);
  const names = on.map(({ name }) => name);
  const out = outside(spec, settings, names);
  const environment = { ...out.environment, ...spec.environment, ...own?.environment };
  return {
    ...spec,
    ...(out.config === undefined ? {} : { config: { ...spec.config, ...out.config } }),
    limits: resolveLimits(spec.limits, own),
    replicas: own?.replicas ?? spec.replicas ?? (isApplication(spec) ? settings.replicas : 1),
    ports,
    // A port is published only through a network that reaches beyond the engine.
    networks: ports.length && !spec.networks.includes("edge") ? [...spec.networks, "edge"] : spec.networks,
    after: waitedFor(spec, on).filter((name) => !off.has(name)),
    environment: Object.keys(environment)
      .sort()
      .map((key) => `${key}=${String(environment[key])}`),
    stopGrace: spec.stopGrace ?? 30,
    waitTimeout: (spec.waitTimeout ?? 0) + (own?.waitTimeout ?? settings.waitTimeout),
    sources: settings.sourceMounts ? (spec.sources ?? {}) : {},
    labels: labels({ system: system.name, stack, environment: settings.environment, service: spec.name }),
  };
}

/**
 * A login is dropped under nobody: who names the one that stays runs before. A release goes live when all that it
 * brings is healthy, but for what waits for that.
 */
function waitedFor({ name, after = [], prunes, goesLive }: ServiceSpec, on: readonly ServiceSpec[]): readonly string[] {
  const first = [
    ...(prunes === undefined ? [] : consumersOf(on, prunes)),
    ...(goesLive ? on.map((other) => other.name).filter((other) => other !== name && !waitsFor(other, name, on)) : []),
  ];
  return [...new Set([...after, ...first])];
}

/** Of these a second container takes its share of the work; a second exporter would tell everything twice. */
const isApplication = ({ kind, tier }: ServiceSpec): boolean => kind === "stateless" && tier === "app";

function publishedPorts(spec: ServiceSpec, settings: Settings): PublishedPort[] {
  return Object.entries(spec.publish ?? {})
    .sort()
    .flatMap(([endpoint, internal]) => {
      const external = settings.ports[endpoint];
      return external === undefined
        ? []
        : [
            {
              endpoint,
              internal,
              external: external + settings.portOffset,
              ip: spec.tier === "edge" ? settings.bindAddress : "127.0.0.1",
            },
          ];
    });
}

function defaultUrl({ settings }: Context): string {
  const host = settings.bindAddress === "0.0.0.0" ? "127.0.0.1" : settings.bindAddress;
  const tls = settings.ports["edge-tls"];
  const [scheme, port] =
    tls === undefined ? (["http", settings.ports["edge"] ?? 80] as const) : (["https", tls] as const);
  const shown = port + settings.portOffset;
  return shown === (scheme === "http" ? 80 : 443) ? `${scheme}://${host}` : `${scheme}://${host}:${shown}`;
}

function urlsOf(
  services: readonly PlannedService[],
  publicUrl: string,
  { stores = [] }: System,
): Record<string, string> {
  const urls = services.flatMap((service) =>
    service.ports.map(({ endpoint, ip, external }): [string, string] => {
      if (service.tier === "edge") return [endpoint, publicUrl];
      const scheme = stores.find(({ name }) => name === service.name)?.scheme ?? "http";
      return [endpoint, `${scheme}://${ip}:${external}`];
    }),
  );
  const routed = services.flatMap((service) =>
    routesOf(service)
      .flatMap(({ public: path }) => path ?? [])
      .map((path, n): [string, string] => [
        n === 0 ? service.name : `${service.name} ${path}`,
        publicUrl + (path === "/" ? "" : path),
      ]),
  );
  return Object.fromEntries([...urls, ...routed].sort(([a], [b]) => inOrder(a, b)));
}
