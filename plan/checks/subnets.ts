/** Addresses that a stack's networks are given, and that somebody else has. */
import type { Taken } from "../../config/engine.ts";
import { type Problem, setCommand } from "../../config/problems.ts";
import { overlap, partOf } from "../subnets.ts";
import type { Draft } from "./draft.ts";

/**
 * The engine refuses a network of addresses that another one has, in the middle of an update; what the machine sends
 * elsewhere would not be reached any more, silently. A network that the stack has is not made again.
 */
export function subnetProblems({ services, context: { engine, settings, stack } }: Draft): Problem[] {
  const { subnet } = settings;
  if (subnet === undefined || engine === undefined) return [];
  const isOwn = (taken: Taken, name: string, part: string): boolean =>
    taken.stack === stack && taken.service === `network-${name}` && taken.subnet === part;
  const others = [...new Set(services.flatMap(({ networks }) => networks))].sort().flatMap((name) => {
    const part = partOf(subnet, name).subnet;
    return engine.taken.some((one) => isOwn(one, name, part))
      ? []
      : engine.taken.filter((one) => overlap(one.subnet, part));
  });
  const names = [...new Set(others)].map((one) => `${one.by}${ownerOf(one, stack)} has ${one.subnet}`);
  return names.length === 0
    ? []
    : [
        {
          key: "berth:subnet",
          got: `${subnet}, of which ${names.join(", ")}`,
          allowed: "addresses that no other network of the engine has, and to which its machine has no other way",
          fix: `${setCommand("berth:subnet", freeSubnet(engine.taken), stack)}   (or docker network rm, where nothing needs that one)`,
        },
      ];
}

const ownerOf = ({ stack }: Taken, own: string): string =>
  stack === undefined ? "" : stack === own ? " of this stack, as it was" : ` of stack ${stack}`;

const numbers = (count: number, from: number): number[] => Array.from({ length: count }, (_, n) => from + n);
const PRIVATE = [...numbers(56, 200), ...numbers(200, 0)].map((n) => `10.${n}.0.0/20`);
const SECOND = numbers(16, 16).map((n) => `172.${n}.0.0/20`);

/** A network of a good size that nobody has. */
export const freeSubnet = (taken: readonly Taken[]): string =>
  [...PRIVATE, ...SECOND].find((cidr) => taken.every((one) => !overlap(one.subnet, cidr))) ?? PRIVATE[0]!;
