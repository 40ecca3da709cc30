/** What an engine says of itself and of its machine. It is asked once a run, and nothing is changed in it. */
import { readFileSync, realpathSync } from "node:fs";
import * as os from "node:os";
import { dockerClient } from "./docker-client.ts";

/** What limits and images go by. */
export interface Machine {
  /** Cores. */
  readonly cpus: number;
  /** MiB. */
  readonly memory: number;
  /** What it runs, such as linux/amd64. */
  readonly platform: string;
}

export interface Engine extends Machine {
  /** Such as 20.10.24. */
  readonly version: string;
  /** Its own folder. */
  readonly root: string;
  /** How it stores layers: overlay2, vfs … */
  readonly driver: string;
  /** Whether containerd stores the images, where their ids are other digests. */
  readonly containerd: boolean;
  /** Whether it runs without root. */
  readonly rootless: boolean;
  /** Whether users of its containers are others of the machine (userns-remap). */
  readonly userns: boolean;
  /** Whether it labels containers for SELinux. */
  readonly selinux: boolean;
  /** Which limits of a container it can hold. */
  readonly limits: { readonly memory: boolean; readonly swap: boolean; readonly cpus: boolean };
  /** Name of the docker client's context, which nobody chose where it is "default". */
  readonly context: string;
  /** Whether the kernel forwards packets, without which no published port is reached. */
  readonly forwards: boolean;
  /** How many more networks it has addresses for, and the stacks that have theirs; undefined, where it does not say. */
  readonly networks?: { readonly left: number; readonly stacks: ReadonlySet<string> };
  /** Largest packet of its own network, where somebody set it. */
  readonly mtu?: number;
  /** Addresses that are somebody's, as far as it says, and its machine where that is this one. */
  readonly taken: readonly Taken[];
}

/** Addresses that a network of the engine has, or that its machine sends elsewhere. */
export interface Taken {
  /** CIDR, IPv4. */
  readonly subnet: string;
  /** In words. */
  readonly by: string;
  /** Of a network of a stack: which stack, and which of its networks as its label has it (`network-app`). */
  readonly stack?: string | undefined;
  readonly service?: string | undefined;
}

/** Where the docker provider and the docker client look, where nobody says otherwise. */
export const SOCKET = "unix:///var/run/docker.sock";

/** Address of a stack's engine; undefined: this machine's. @param own The stack's `docker:host`. */
export const addressOf = (own: string | undefined): string | undefined =>
  own ?? (process.env["DOCKER_HOST"] || undefined);

/** Whether an address is another machine's. */
export const isElsewhere = (address: string): boolean =>
  !/^(?:unix|npipe|fd):/.test(address) &&
  !/^\w+:\/\/(?:[^/@]*@)?(?:localhost|127\.[\d.]+|\[::1\])(?=[:/]|$)/.test(address);

/**
 * Asks an engine. @param address As addressOf has it.
 * @returns undefined where there is no docker client, or no answer within a minute.
 */
export async function engineAt(address: string | undefined): Promise<Engine | undefined> {
  const client = dockerClient(address);
  const docker = async (...args: string[]): Promise<string> => (await client(...args)).stdout;
  const nothing = (): string => "";
  const [info, networks] = await Promise.all([
    docker("info", "--format", "{{json .}}").catch(nothing),
    docker("network", "ls", "--format", "{{.Name}}")
      .then((names) => docker("network", "inspect", ...names.split("\n").filter(Boolean)))
      // One of them may be gone meanwhile: it tells of the others.
      .catch(({ stdout = "" }: { stdout?: string }) => stdout),
  ]);
  const routes = address === undefined || !isElsewhere(address) ? routesHere() : "";
  return engineFrom(parsed(info), parsed(networks), routes);
}

/** The kernel's table, where it is a Linux that shows one. */
function routesHere(): string {
  try {
    return readFileSync("/proc/net/route", "utf8");
  } catch {
    return "";
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** What is read of `docker info`. */
interface Info {
  readonly ServerVersion: string;
  readonly OSType: string;
  readonly Architecture: string;
  readonly NCPU: number;
  readonly MemTotal: number;
  readonly DockerRootDir: string;
  readonly Driver: string;
  readonly DriverStatus?: readonly (readonly [string, string])[] | null;
  readonly SecurityOptions?: readonly string[] | null;
  readonly MemoryLimit: boolean;
  readonly SwapLimit: boolean;
  readonly CpuCfsQuota: boolean;
  readonly IPv4Forwarding: boolean;
  readonly ClientInfo?: { readonly Context?: string };
  readonly DefaultAddressPools?: readonly { readonly Base: string; readonly Size: number }[] | null;
}

/** What is read of `docker network inspect`. */
interface Network {
  readonly Name: string;
  readonly Driver: string;
  readonly IPAM?: { readonly Config?: readonly { readonly Subnet?: string }[] | null };
  readonly Options?: Readonly<Record<string, string>> | null;
  readonly Labels?: Readonly<Record<string, string>> | null;
}

/** What the engine calls processors; images are built for Go's names. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x86_64: "amd64", aarch64: "arm64" };

/** Networks of an engine where nobody says otherwise: 172.17 to 172.31, and sixteen parts of 192.168. */
const POOLS = 31;

/**
 * @param info What `docker info` answered. @param networks What `docker network inspect` did, of all of them.
 * @param routes The kernel's table (`/proc/net/route`). @default its machine is another one
 */
export function engineFrom(info: unknown, networks?: unknown, routes = ""): Engine | undefined {
  const said = (info ?? {}) as Partial<Info>;
  if (!(Number(said.NCPU) > 0) || said.MemTotal === undefined || said.ServerVersion === undefined) return undefined;
  const all = Array.isArray(networks) ? (networks as readonly Network[]) : undefined;
  const bridges = all?.filter(({ Driver }) => Driver === "bridge");
  const mtu = bridges?.find(({ Name }) => Name === "bridge")?.Options?.["com.docker.network.driver.mtu"];
  const { Architecture = "", DriverStatus, SecurityOptions, DefaultAddressPools } = said;
  const hasOption = (name: string): boolean =>
    (SecurityOptions ?? []).some((option) => option.split(",")[0] === `name=${name}`);
  return {
    version: said.ServerVersion,
    cpus: said.NCPU!,
    memory: Math.floor(said.MemTotal / 1024 ** 2),
    platform: `${said.OSType}/${ARCHITECTURES[Architecture] ?? Architecture}`,
    root: said.DockerRootDir ?? "",
    driver: said.Driver ?? "",
    containerd: (DriverStatus ?? []).some(([, value]) => value.startsWith("io.containerd.snapshotter.")),
    rootless: hasOption("rootless"),
    userns: hasOption("userns"),
    selinux: hasOption("selinux"),
    limits: { memory: said.MemoryLimit === true, swap: said.SwapLimit === true, cpus: said.CpuCfsQuota === true },
    context: said.ClientInfo?.Context ?? "",
    forwards: said.IPv4Forwarding !== false,
    ...(bridges === undefined ? {} : { networks: roomBeside(bridges, DefaultAddressPools ?? []) }),
    ...(mtu === undefined ? {} : { mtu: Number(mtu) }),
    taken: takenBy(all ?? [], hasOption("rootless") ? "" : routes),
  };
}

/** A route to a network of the engine is that network's. Without root, the engine has a table of its own. */
function takenBy(networks: readonly Network[], routes: string): Taken[] {
  const own = networks.flatMap(({ Name, Labels, IPAM }) =>
    (IPAM?.Config ?? [])
      .flatMap(({ Subnet }) => (Subnet !== undefined && !Subnet.includes(":") ? [Subnet] : []))
      .map((subnet) => ({
        subnet,
        by: `Docker network ${Name}`,
        stack: Labels?.["berth.stack"],
        service: Labels?.["berth.service"],
      })),
  );
  return [...own, ...routesIn(routes).filter(({ subnet }) => own.every((one) => one.subnet !== subnet))];
}

/** Addresses are written as numbers in the order of the machine's bytes. What goes to everybody is nobody's. */
const routesIn = (table: string): Taken[] =>
  table
    .split("\n")
    .slice(1)
    .map((line) => line.split(/\s+/))
    .filter((columns) => columns.length > 7 && columns[7] !== "00000000")
    .map(([device, address, , , , , , mask]) => ({
      subnet: `${octets(address!).join(".")}/${octets(mask!).reduce((sum, byte) => sum + onesOf(byte), 0)}`,
      by: `a route of the machine (${device})`,
    }));
const octets = (hex: string): number[] => [6, 4, 2, 0].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
const onesOf = (byte: number): number => byte.toString(2).replaceAll("0", "").length;

function roomBeside(
  bridges: readonly Network[],
  pools: readonly { readonly Base: string; readonly Size: number }[],
): NonNullable<Engine["networks"]> {
  const parts = pools.map(({ Base, Size }) => 2 ** Math.max(0, Size - Number(Base.split("/")[1])));
  const room = parts.length === 0 ? POOLS : parts.reduce((sum, part) => sum + part, 0);
  return {
    left: Math.max(0, room - bridges.length),
    stacks: new Set(bridges.flatMap(({ Labels }) => Labels?.["berth.stack"] ?? [])),
  };
}

/** This machine, where its engine does not answer. */
export const thisMachine = (): Machine => ({
  cpus: os.cpus().length,
  memory: Math.floor(os.totalmem() / 1024 ** 2),
  platform: `linux/${process.arch === "arm64" ? "arm64" : "amd64"}`,
});

/**
 * The engine that the docker client would ask, where that is another one than the docker provider's, which knows no
 * contexts. @returns its address; undefined where they are the same, or an address is given.
 */
export async function strayContext(address: string | undefined): Promise<string | undefined> {
  if (address !== undefined) return undefined;
  try {
    const { stdout } = await dockerClient(undefined)("context", "inspect", "--format", "{{.Endpoints.docker.Host}}");
    const chosen = stdout.trim();
    return /^[a-z]+:\/\//.test(chosen) && placeOf(chosen) !== placeOf(SOCKET) ? chosen : undefined;
  } catch {
    return undefined;
  }
}

/** Desktop's socket may be linked to where everybody looks. */
function placeOf(address: string): string {
  try {
    return address.startsWith("unix://") ? realpathSync(address.slice("unix://".length)) : address;
  } catch {
    return address;
  }
}
