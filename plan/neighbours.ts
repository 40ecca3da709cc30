/** Host ports of the stacks that share an engine. */
import { setCommand, type Problem } from "../config/problems.ts";
import type { Context, Neighbour, Notice, PlannedService } from "./types.ts";

/** A port that a stack of this checkout has at this moment. */
export const neighbourProblems = (services: readonly PlannedService[], context: Context): Problem[] =>
  clashes(services, context, ({ runs }) => runs).map(({ endpoint, external, stack }) => ({
    key: `berth:ports.${endpoint}`,
    got: `port ${external}, which stack ${stack} has on the same engine`,
    allowed: "a port of its own",
    fix: setCommand("berth:portOffset", freeOffset(services, context), context.stack),
  }));

/**
 * A port that a stack would have if anybody ran it here: dev and prod may share ports, as long as they share no engine.
 */
export const neighbourNotices = (services: readonly PlannedService[], context: Context): Notice[] =>
  Object.entries(
    Object.groupBy(
      clashes(services, context, ({ runs }) => !runs),
      ({ stack }) => stack,
    ),
  ).map(([stack, found]) => ({
    level: "info",
    key: "berth:ports",
    got: `${found!.map(({ endpoint, external }) => `${endpoint} ${external}`).join(", ")}, which stack ${stack} wants too; it does not run here`,
    allowed: "the same ports on two engines (docker:host), or one after the other",
    fix: `${setCommand("berth:portOffset", freeOffset(services, context), context.stack)}   (to run both here)`,
  }));

const portsOf = (services: readonly PlannedService[]) => services.flatMap(({ ports }) => ports);

const clashes = (
  services: readonly PlannedService[],
  { neighbours = [] }: Context,
  which: (neighbour: Neighbour) => boolean,
) =>
  neighbours.filter(which).flatMap(({ stack, ports }) =>
    portsOf(services)
      .filter(({ external }) => ports.has(external))
      .map(({ endpoint, external }) => ({ endpoint, external, stack })),
  );

/** The next hundred that moves every port of the stack to a free one. */
function freeOffset(services: readonly PlannedService[], { settings, neighbours = [] }: Context): number {
  const taken = new Set(neighbours.flatMap(({ ports }) => [...ports]));
  const fits = (offset: number) =>
    portsOf(services).every(({ external }) => !taken.has(external - settings.portOffset + offset));
  let offset = settings.portOffset + 100;
  while (!fits(offset)) offset += 100;
  return offset;
}
