/** What services may take: of the machine, of the database, and of each other. */
import { type Problem, setCommand } from "../../config/problems.ts";
import { leastOf, resolveLimits } from "../limits.ts";
import type { ConnectionLimit, Context, Notice, PlannedService, ServiceSpec } from "../types.ts";
import type { Draft } from "./draft.ts";

export const serviceProblems = ({ on, context: { settings, stack } }: Draft): Problem[] =>
  on.flatMap(({ name, kind, limits: proposed }) => {
    const own = settings.services[name];
    const limits = resolveLimits(proposed, own);
    const problems: Problem[] = [];
    const least = leastOf(proposed);
    if (limits.memory < least)
      problems.push({
        key: `berth:services.${name}.memory`,
        got: `${limits.memory} MiB`,
        allowed: `at least ${least} MiB, without which it does not live; the catalogue proposes ${proposed.memory} MiB`,
        fix: setCommand(`berth:services.${name}.memory`, `${proposed.memory}MiB`, stack),
      });
    if ((own?.replicas ?? 1) > 1 && kind !== "stateless")
      problems.push({
        key: `berth:services.${name}.replicas`,
        got: `got ${own!.replicas}`,
        allowed: "1, because it is the only writer of its data",
        fix: setCommand(`berth:services.${name}.replicas`, 1, stack),
      });
    if ((limits.reserveMemory ?? 0) > limits.memory)
      problems.push({
        key: `berth:services.${name}.reserveMemory`,
        got: `${limits.reserveMemory} MiB`,
        allowed: `at most the limit of ${limits.memory} MiB`,
        fix: setCommand(`berth:services.${name}.reserveMemory`, `${limits.memory}MiB`, stack),
      });
    // A weight beyond what it may take would only take it from the others.
    if ((limits.reserveCpus ?? 0) > limits.cpus)
      problems.push({
        key: `berth:services.${name}.reserveCpus`,
        got: `${limits.reserveCpus} cores`,
        allowed: `at most the limit of ${limits.cpus} cores`,
        fix: setCommand(`berth:services.${name}.reserveCpus`, limits.cpus, stack),
      });
    return problems;
  });

export function budgetProblems({ services, context: { host, stack } }: Draft): Problem[] {
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

/** A machine with less than all services need to live would end some of them, again and again. */
export function sizeNotices(
  on: readonly ServiceSpec[],
  services: readonly PlannedService[],
  { host, settings, stack }: Context,
): Notice[] {
  const needed = services.reduce((sum, { replicas }, n) => sum + leastOf(on[n]!.limits) * replicas, 0);
  const watching = on.filter(({ optional, tier }) => optional && tier === "monitoring").map(({ name }) => name);
  return needed <= host.memory
    ? []
    : [
        {
          level: "warning",
          key: "the engine's machine",
          got: `it has ${host.memory} MiB, while all services together need at least ${needed} MiB to live`,
          allowed: "more memory, or fewer services and replicas",
          fix: setCommand("berth:off", [...new Set([...settings.off, ...watching])], stack),
        },
      ];
}

/** Old and new containers hold their pools side by side while a release is switched: everything counts twice. */
export const connectionProblems = (draft: Draft): Problem[] =>
  (draft.system.stores ?? []).flatMap(({ name, connections }) =>
    connections === undefined ? [] : poolProblems(name, connections, draft),
  );

function poolProblems(store: string, limit: ConnectionLimit, { services, context: { stack } }: Draft): Problem[] {
  const pools = services.flatMap(({ name, replicas, environment, connections, uses = [] }) => {
    if (connections === undefined || !uses.includes(store)) return [];
    // What is no number, the application refuses by itself.
    const size = Number(environment.find((line) => line.startsWith(`${connections.variable}=`))?.split("=")[1]);
    return Number.isFinite(size) ? [{ name, replicas, each: size + connections.besides }] : [];
  });
  const needed = 2 * pools.reduce((sum, { replicas, each }) => sum + replicas * each, 0) + limit.spare;
  return pools.length === 0 || needed <= limit.most
    ? []
    : [
        {
          key: limit.key,
          got: `${limit.most}, less than the pools may ask for: ${pools.map(({ name, replicas, each }) => `${name} ${replicas} × ${each}`).join(", ")}`,
          allowed: `at least ${needed}: all pools twice, because a release switches with old and new side by side, and ${limit.spare} to spare`,
          fix: `${setCommand(limit.key, needed, stack)}   (or fewer replicas, or ${limit.otherwise})`,
        },
      ];
}
