/** How a container is tried beside the one that it would replace: docs/decisions/0019-rehearsals.md. Pure. */
import type { containerArgs } from "./container.ts";

/** Set in place, or of no concern to the container itself: a change of these is no reason to try anything. */
const IN_PLACE = [
  "labels",
  "memoryReservation",
  "cpuShares",
  "restart",
  "wait",
  "waitTimeout",
  "destroyGraceSeconds",
  "stopTimeout",
] as const;
type InPlace = (typeof IN_PLACE)[number];

/** What a container is made with, as far as it can fail by it. */
export interface Tried extends Omit<ReturnType<typeof containerArgs>, InPlace> {
  readonly name: string;
  /** Digest, local id, or reference to pull. */
  readonly image: string;
  readonly volumes: readonly {
    readonly volumeName?: string;
    readonly hostPath?: string;
    readonly containerPath: string;
    readonly readOnly: boolean;
  }[];
  /** @default none */
  readonly networksAdvanced?: readonly { readonly name: string }[];
}

/** The arguments of a container without those that are {@link IN_PLACE}. */
export const tried = <A extends object>(args: A): Omit<A, InPlace> =>
  Object.fromEntries(
    Object.entries(args).filter(([key]) => !(IN_PLACE as readonly string[]).includes(key)),
  ) as unknown as Omit<A, InPlace>;

const ANY = "0.0.0.0";

/**
 * Host ports that a container would have and the one that runs has not: whether they are free, taking them tells. A
 * port that stays cannot be taken as long as that one has it; under another address any port of that one (0) tells
 * whether the machine has it.
 */
export const newPorts = (now: Tried["ports"], before: Tried["ports"]): Tried["ports"] =>
  now.flatMap((port) => {
    const old = before.find(({ external }) => external === port.external);
    if (old === undefined) return [port];
    return port.ip === old.ip || port.ip === ANY ? [] : [{ ...port, external: 0 }];
  });

/** Without a network nobody knows a container's own name, which some servers look up as they start. */
const ALONE = ["--network", "none", "--hostname", "rehearsal", "--add-host", "rehearsal:127.0.0.1"];

export interface Differently {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Instead of the service's own. @default the image's, where there is another command */
  readonly entrypoint?: string;
  /** Instead of the service's own. */
  readonly command?: readonly string[];
  /** Laid over the service's own. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Behind the command. */
  readonly options?: readonly string[];
  /** Taken for the time of the trial, on the service's own networks. @default none, and no network */
  readonly ports?: Tried["ports"];
}

/**
 * Options, image and command of `docker create`: those of the container itself, but without its networks, its
 * published ports, and what it writes. Where it would write on a volume it gets an empty one of its own, which goes
 * with it. It takes what the others leave it of the processor.
 */
export function createArgs(args: Tried, { name, labels, ports = [], ...other }: Differently): string[] {
  const flags = (flag: string, values: readonly string[]) => values.flatMap((value) => [`--${flag}`, value]);
  const pairs = (values: Readonly<Record<string, string>>, between = "=") =>
    Object.entries(values).map(([key, value]) => `${key}${between}${value}`);
  // Without the labels that the collector knows a stack's lines by.
  const logOpts = Object.fromEntries(Object.entries(args.logOpts).filter(([key]) => key !== "labels"));
  const network = args.networksAdvanced?.[0]?.name;
  const [entrypoint, ...rest] = other.command ? [other.entrypoint] : (args.entrypoints ?? []);
  return [
    ...flags("name", [name]),
    ...flags("label", pairs(labels)),
    ...flags("user", [args.user]),
    ...flags("group-add", args.groupAdds ?? []),
    ...flags("env", [...args.envs, ...pairs(other.environment ?? {})]),
    ...(args.readOnly ? ["--read-only"] : []),
    ...flags("tmpfs", pairs(args.tmpfs, ":")),
    ...flags("cap-add", args.capabilities.adds),
    ...flags("cap-drop", args.capabilities.drops),
    ...flags("security-opt", args.securityOpts),
    ...(args.init ? ["--init"] : []),
    ...flags("memory", [`${args.memory}m`]),
    ...flags("memory-swap", [`${args.memorySwap}m`]),
    ...flags("cpus", [args.cpus]),
    ...flags("cpu-shares", ["128"]),
    ...flags("shm-size", args.shmSize === undefined ? [] : [`${args.shmSize}m`]),
    ...flags("log-driver", [args.logDriver]),
    ...flags("log-opt", pairs(logOpts)),
    // Its check is asked more often than the engine would.
    "--no-healthcheck",
    ...flags("restart", ["no"]),
    ...flags("volume", args.volumes.map(mount)),
    ...(ports.length > 0 && network ? flags("network", [network]) : ALONE),
    ...flags("publish", ports.map(published)),
    ...flags("entrypoint", entrypoint === undefined ? [] : [entrypoint]),
    args.image,
    ...(other.command ?? ([...rest, ...(args.command ?? [])] as string[])),
    ...(other.options ?? []),
  ];
}

const mount = ({ volumeName, hostPath, containerPath, readOnly }: Tried["volumes"][number]): string =>
  readOnly ? `${volumeName ?? hostPath}:${containerPath}:ro` : containerPath;

const published = ({ ip, external, internal, protocol }: Tried["ports"][number]): string =>
  `${ip.includes(":") ? `[${ip}]` : ip}:${external}:${internal}/${protocol}`;

/** A health check as a command. */
export const asCommand = ([how, ...words]: readonly string[]): readonly string[] =>
  how === "CMD-SHELL" ? ["/bin/sh", "-c", ...words] : words;
