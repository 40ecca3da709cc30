/**
 * What can be wrong between the settings and a catalogue. Each check names the key,
 * what it got and the command that mends it.
 */
import { setCommand, type Problem } from "../config/problems.ts";
import { leafOf, type SecretKey, secretKeys } from "../config/secrets.ts";
import { resolveLimits } from "./limits.ts";
import { references, templatesOf } from "./template.ts";
import type { Context, Notice, PlannedService, ServiceSpec, System } from "./types.ts";

/** A mistake in systems/, not in the stack file. */
export const catalogueProblem = (where: string, got: string, allowed: string): Problem => ({
  key: `catalogue ${where}`,
  got,
  allowed,
  fix: `mend the entry in systems/`,
});

export function unknownNames(system: System, { settings, stack }: Context): Problem[] {
  const names = system.services.map((service) => service.name);
  const endpoints = system.services.flatMap((service) => Object.keys(service.publish ?? {}));
  const generated = secretKeys.filter((key) => leafOf(key).generated !== undefined);
  const unknown = (key: string, given: Iterable<string>, known: readonly string[]): Problem[] =>
    [...given]
      .filter((name) => !known.includes(name))
      .map((name) => ({
        key: `berth:${key}`,
        got: `"${name}" is not known`,
        allowed: known.join(", ") || "none",
        fix:
          key === "off"
            ? setCommand(
                "berth:off",
                settings.off.filter((other) => known.includes(other)),
                stack,
              )
            : `pulumi config rm --path berth:${key}.${name} --stack ${stack}`,
      }));
  return [
    ...unknown("services", Object.keys(settings.services), names),
    ...unknown("ports", Object.keys(settings.ports), endpoints),
    ...unknown("images", Object.keys(settings.images), Object.keys(system.images)),
    ...unknown("secretVersions", Object.keys(settings.secretVersions), generated),
    ...unknown(
      "off",
      settings.off,
      system.services.filter((service) => service.optional).map((service) => service.name),
    ),
  ];
}

export function serviceProblems(
  specs: readonly ServiceSpec[],
  names: readonly string[],
  { settings, stack }: Context,
): Problem[] {
  return specs.flatMap((spec) => {
    const own = settings.services[spec.name];
    const limits = resolveLimits(spec.limits, own);
    const problems: Problem[] = [];
    if (spec.health.test.length < 2)
      problems.push(catalogueProblem(spec.name, "no health check", "a health check on every service"));
    for (const name of spec.after ?? [])
      if (!names.includes(name))
        problems.push(catalogueProblem(spec.name, `waits for "${name}", which is not there`, names.join(", ")));
    for (const name of unknownReferences(spec, names))
      problems.push(
        catalogueProblem(
          spec.name,
          `a file refers to @{${name}}`,
          "a secret's key, or containers: with a service it comes after",
        ),
      );
    if ((own?.replicas ?? 1) > 1 && spec.kind !== "stateless")
      problems.push({
        key: `berth:services.${spec.name}.replicas`,
        got: `got ${own!.replicas}`,
        allowed: "1, because it is the only writer of its data",
        fix: setCommand(`berth:services.${spec.name}.replicas`, 1, stack),
      });
    if ((limits.reserveMemory ?? 0) > limits.memory)
      problems.push({
        key: `berth:services.${spec.name}.reserveMemory`,
        got: `${limits.reserveMemory} MiB`,
        allowed: `at most the limit of ${limits.memory} MiB`,
        fix: setCommand(`berth:services.${spec.name}.reserveMemory`, `${limits.memory}MiB`, stack),
      });
    return problems;
  });
}

function unknownReferences(spec: ServiceSpec, names: readonly string[]): string[] {
  const known = [...secretKeys, ...names.map((name) => `containers:${name}`)];
  return templatesOf(spec)
    .flatMap(references)
    .map((reference) => reference.name)
    .filter((name) => !known.includes(name));
}

export function portProblems(services: readonly PlannedService[], { settings, stack }: Context): Problem[] {
  const taken = new Map<number, string>();
  return services
    .flatMap((service) => service.ports)
    .flatMap(({ endpoint, external }) => {
      const key = `berth:ports.${endpoint}`;
      const fix = setCommand(key, freePort(services, external), stack);
      const other = taken.get(external);
      taken.set(external, endpoint);
      if (external > 65535)
        return [
          {
            key,
            got: `${external} with portOffset ${settings.portOffset}`,
            allowed: "at most 65535",
            fix: setCommand("berth:portOffset", 0, stack),
          },
        ];
      return other === undefined
        ? []
        : [{ key, got: `port ${external}, which berth:ports.${other} has`, allowed: "a port of its own", fix }];
    });
}

/** Ports that Linux hands to connections going out, unless `net.ipv4.ip_local_port_range` was changed. */
const HANDED_OUT = 32_768;

export function portNotices(services: readonly PlannedService[], { stack }: Context): Notice[] {
  const high = services
    .flatMap((service) => service.ports)
    .filter(({ external }) => external >= HANDED_OUT && external <= 65535);
  return high.length === 0
    ? []
    : [
        {
          level: "warning",
          key: "berth:portOffset",
          got: `ports that the kernel also hands to outgoing connections: ${high.map(({ endpoint, external }) => `${endpoint} ${external}`).join(", ")}`,
          allowed: `ports below ${HANDED_OUT}, or reserved ones (sysctl net.ipv4.ip_local_reserved_ports): the engine does not try again to start a container whose port was taken`,
          fix: setCommand("berth:portOffset", 0, stack),
        },
      ];
}

function freePort(services: readonly PlannedService[], near: number): number {
  const taken = new Set(services.flatMap((service) => service.ports.map((port) => port.external)));
  let port = near;
  while (taken.has(port)) port += 1;
  return port;
}

export function routeProblems(specs: readonly ServiceSpec[]): Problem[] {
  const seen = new Map<string, string>();
  return specs
    .filter((spec) => spec.route)
    .flatMap((spec) => {
      const { public: path, internal } = spec.route!;
      return [
        ...(path === undefined ? [] : [`path ${path}`]),
        ...(internal === undefined ? [] : [`internal port ${internal}`]),
      ].flatMap((what) => {
        const other = seen.get(what);
        seen.set(what, spec.name);
        return other === undefined
          ? []
          : [catalogueProblem(spec.name, `${what} is taken by ${other}`, "a route of its own")];
      });
    });
}

export function budgetProblems(services: readonly PlannedService[], { host, stack }: Context): Problem[] {
  const over = services.flatMap(({ name, limits }) => [
    ...(limits.memory > host.memory
      ? [
          {
            key: `berth:services.${name}.memory`,
            got: `${limits.memory} MiB`,
            allowed: `at most the host's ${host.memory} MiB`,
            fix: setCommand(`berth:services.${name}.memory`, `${Math.floor(host.memory / 2)}MiB`, stack),
          },
        ]
      : []),
    ...(limits.cpus > host.cpus
      ? [
          {
            key: `berth:services.${name}.cpus`,
            got: `${limits.cpus} cores`,
            allowed: `at most the host's ${host.cpus} cores`,
            fix: setCommand(`berth:services.${name}.cpus`, Math.max(0.25, Math.floor(host.cpus)), stack),
          },
        ]
      : []),
  ]);
  const reserved = services.reduce((sum, { limits, replicas }) => sum + (limits.reserveMemory ?? 0) * replicas, 0);
  return reserved <= host.memory
    ? over
    : [
        ...over,
        {
          key: "berth:services",
          got: `all reservations together are ${reserved} MiB`,
          allowed: `at most the host's ${host.memory} MiB`,
          fix: "lower reserveMemory or replicas, or name the engine's machine in berth:host",
        },
      ];
}

/** Kept for jobs, metrics, the superuser and people. */
const SPARE_CONNECTIONS = 15;

/** Old and new containers hold their pools side by side while a release is switched: everything counts twice. */
export function connectionProblems(services: readonly PlannedService[], { settings, stack }: Context): Problem[] {
  const pools = services.flatMap(({ name, replicas, environment, connections }) => {
    if (connections === undefined) return [];
    // What is no number, the application refuses by itself.
    const size = Number(environment.find((line) => line.startsWith(`${connections.variable}=`))?.split("=")[1]);
    return Number.isFinite(size) ? [{ name, replicas, each: size + connections.besides }] : [];
  });
  const needed = 2 * pools.reduce((sum, { replicas, each }) => sum + replicas * each, 0) + SPARE_CONNECTIONS;
  return pools.length === 0 || needed <= settings.postgres.maxConnections
    ? []
    : [
        {
          key: "berth:postgres.maxConnections",
          got: `${settings.postgres.maxConnections}, less than the pools may ask for: ${pools.map(({ name, replicas, each }) => `${name} ${replicas} × ${each}`).join(", ")}`,
          allowed: `at least ${needed}: all pools twice, because a release switches with old and new side by side, and ${SPARE_CONNECTIONS} to spare`,
          fix: `${setCommand("berth:postgres.maxConnections", needed, stack)}   (or fewer replicas, or a smaller berth:postgres.poolSize)`,
        },
      ];
}

/**
 * Major version that a reference names: what follows `pg` in its tag (pgvector's way), otherwise the
 * number it begins with. A digest says nothing.
 */
export function majorOf(reference: string): number | undefined {
  const tag = /:([^/:]+)$/.exec(reference.split("@", 1)[0]!)?.[1] ?? "";
  const found = /(?:^|-)pg(\d+)/.exec(tag) ?? /^v?(\d+)(?![\da-z])/.exec(tag);
  return found ? Number(found[1]) : undefined;
}

/**
 * Data of one major version is not data of another. That it would not start is found out by a
 * server only when the one before is gone.
 */
export function majorProblems(specs: readonly ServiceSpec[], { settings, stack }: Context): Problem[] {
  return specs.flatMap(({ name, image, major }) => {
    if (major === undefined || !("pull" in image)) return [];
    const [has, wanted] = [settings.majors[major], majorOf(image.pull)];
    if (wanted === has) return [];
    return [
      {
        key: `berth:baseImages.${major}`,
        got: `${image.pull}, ${wanted === undefined ? "whose tag names no version" : `version ${wanted}`}; the data of ${name} is of version ${has} (berth:majors.${major})`,
        allowed:
          wanted === undefined
            ? `a tag that names ${has}, with or without a digest: name:${has}@sha256:…`
            : `another minor version of ${has}, by this line alone`,
        fix: `${settings.baseImages[major] === undefined ? `mend systems/images.ts` : `pulumi config rm --path berth:baseImages.${major} --stack ${stack}`}${
          wanted === undefined
            ? ""
            : `   (to move the data to ${wanted}: bin/backup, bin/down, an empty volume, ${setCommand(`berth:majors.${major}`, wanted, stack)}, bin/up, bin/restore, as in docs/operations.md#another-major-version)`
        }`,
      },
    ];
  });
}

export function missingSecrets(needed: readonly SecretKey[], { configured, settings, stack }: Context): Problem[] {
  const missing = needed.filter((key) => leafOf(key).generated === undefined && !configured.has(key));
  if (settings.ports["edge-tls"] !== undefined && !configured.has("tlsCertificate"))
    missing.push("tlsCertificate", "tlsKey");
  return missing.map((key) => ({
    key: `berth:${key}`,
    got: "missing",
    allowed: leafOf(key).description,
    fix: `pulumi config set --secret berth:${key} "${leafOf(key).example}" --stack ${stack}`,
  }));
}
