/** Whether the stack can run on its engine, as far as the engine itself says. */
import type { Engine } from "../../config/engine.ts";
import { type Problem, setCommand } from "../../config/problems.ts";
import type { Context, Notice, PlannedService, System } from "../types.ts";
import type { Draft } from "./draft.ts";
import { freeSubnet } from "./subnets.ts";

/** The oldest that anybody tried, with version 1.41 of its interface. */
const OLDEST = "20.10";
/** From there on it takes what is built with the containerd image store (moby#49194; pulumi-docker#967 without it). */
const BUILDS_WITH_CONTAINERD = "27.5";
/** Ports below are root's, unless the machine says otherwise. */
const OF_ROOT = 1024;

const UPGRADE = "upgrade it: https://docs.docker.com/engine/install";

/** Whether one version is older than another; what follows the two first numbers counts for nothing. */
function older(version: string, than: string): boolean {
  const [[a = 0, b = 0], [c = 0, d = 0]] = [version, than].map((text) => text.split(".").map(Number.parseFloat)) as [
    number[],
    number[],
  ];
  return a < c || (a === c && b < d);
}

export function engineProblems({ system, services, context }: Draft): Problem[] {
  const { engine, settings } = context;
  if (engine === undefined) return [];
  return [
    ...unfit(engine),
    ...(buildsSomething(system, settings.images) ? cannotBuild(engine) : []),
    ...elsewhere(services, engine, context),
  ];
}

function unfit({ platform, version, root, limits }: Engine): Problem[] {
  const key = "the engine";
  if (!platform.startsWith("linux/"))
    return [
      {
        key,
        got: `it runs ${platform} containers`,
        allowed: "Linux containers",
        fix: "switch Docker Desktop to Linux containers, or name another engine in docker:host",
      },
    ];
  const problems: Problem[] = [];
  if (older(version, OLDEST))
    problems.push({
      key,
      got: `version ${version}, older than anything that was tried`,
      allowed: `${OLDEST} or later`,
      fix: UPGRADE,
    });
  if (root.startsWith("/var/snap/"))
    problems.push({
      key,
      got: `it is a snap (${root}), whose confinement refuses no-new-privileges and an init: no container would start`,
      allowed: "Docker's own packages, or the distribution's",
      fix: "sudo snap remove docker, then https://docs.docker.com/engine/install",
    });
  if (!limits.cpus)
    problems.push({
      key,
      got: "its kernel has no quota of processor time (CONFIG_CFS_BANDWIDTH), or it may not use cgroups",
      allowed: "an engine that can hold limits of processor time: it refuses containers that have one",
      fix: "a kernel with it; where the engine runs without root, delegate the controllers: https://docs.docker.com/engine/security/rootless/tips/#limiting-resources",
    });
  return problems;
}

const buildsSomething = ({ images }: System, existing: Readonly<Record<string, string>>): boolean =>
  Object.keys(images).some((name) => existing[name] === undefined);

const cannotBuild = ({ containerd, version }: Engine): Problem[] =>
  containerd && older(version, BUILDS_WITH_CONTAINERD)
    ? [
        {
          key: "the engine",
          got: `version ${version} with the containerd image store, which does not take what is built here`,
          allowed: `${BUILDS_WITH_CONTAINERD} or later, or the classic image store`,
          fix: `${UPGRADE}; or {"features": {"containerd-snapshotter": false}} in its daemon.json`,
        },
      ]
    : [];

/** The collector would read an empty folder, which the engine makes, or none, and all would seem well. */
function elsewhere(
  services: readonly PlannedService[],
  { root, userns }: Engine,
  { settings, stack }: Context,
): Problem[] {
  const { dockerRoot } = settings as { readonly dockerRoot?: string };
  const reader = services.find(({ hostMounts = {} }) => `${dockerRoot}/containers` in hostMounts);
  if (dockerRoot === undefined || reader === undefined) return [];
  if (userns)
    return [
      {
        key: "the engine",
        got: `it maps users (userns-remap), so that ${reader.name} may not read the log files of containers`,
        allowed: `an engine that maps none, or a stack without ${reader.name}`,
        fix: setCommand("berth:off", [...new Set([...settings.off, reader.name])], stack),
      },
    ];
  return root === dockerRoot
    ? []
    : [
        {
          key: "berth:dockerRoot",
          got: `${dockerRoot}, where the engine keeps nothing`,
          allowed: `${root}, as the engine says`,
          fix: setCommand("berth:dockerRoot", root, stack),
        },
      ];
}

/** What the engine can do, but not as it should be done. */
export function engineNotices(services: readonly PlannedService[], context: Context): Notice[] {
  const { engine, settings, stack } = context;
  if (engine === undefined) return [];
  const { driver, forwards, limits, mtu, networks, platform, rootless, selinux } = engine;
  const mounting = services.filter(({ hostMounts = {}, sources }) => Object.keys({ ...hostMounts, ...sources }).length);
  const wanted = new Set(services.flatMap((service) => service.networks)).size;
  const low = services.flatMap(({ ports }) => ports).filter(({ external }) => external < OF_ROOT);
  const given = settings.platform ?? platform;
  const notices: (Omit<Notice, "level" | "key"> & { readonly key?: string; readonly when: boolean })[] = [
    {
      when: !limits.memory,
      got: "its kernel does not count memory per container: limits of memory do not hold",
      allowed: "a kernel that does",
      fix: "cgroup_enable=memory on the kernel's command line, then restart the machine",
    },
    {
      when: limits.memory && !limits.swap,
      got: "its kernel does not count swap per container: a container at its limit of memory goes on in swap",
      allowed: "a kernel that does, or a machine without swap",
      fix: "swapaccount=1 on the kernel's command line, then restart the machine; or swapoff -a",
    },
    {
      when: driver === "vfs",
      got: "its storage driver is vfs: every layer and every container is a whole copy",
      allowed: "overlay2, or the containerd image store",
      fix: "a file system that overlay2 takes (ext4, or xfs with ftype=1) below the engine's folder",
    },
    {
      when: selinux && mounting.length > 0,
      got: `it labels containers for SELinux, so that ${mounting.map(({ name }) => name).join(", ")} may not read what is mounted from its machine, unless that has a label for containers`,
      allowed: "folders with such a label, or an engine without selinux-enabled in its daemon.json",
      fix: `${Object.keys(mounting[0]?.sources ?? {}).length ? "chcon -R -t container_file_t services" : "ausearch -m avc -ts recent"}   (on the engine's machine; or leave the service out: berth:off)`,
    },
    {
      when: !forwards,
      got: "its machine forwards no packets: published ports are not reached, and nothing is reached from containers",
      allowed: "net.ipv4.ip_forward = 1",
      fix: "sudo sysctl -w net.ipv4.ip_forward=1, and a line in /etc/sysctl.d",
    },
    {
      when: mtu !== undefined && mtu < 1500,
      got: `its own network has packets of ${mtu} bytes at most, the stack's networks have them of 1500: what is long may hang`,
      allowed: "the same for every network",
      fix: `{"default-network-opts": {"bridge": {"com.docker.network.driver.mtu": "${mtu}"}}} in its daemon.json (from 24.0), before the networks are made`,
    },
    {
      when:
        settings.subnet === undefined &&
        networks !== undefined &&
        !networks.stacks.has(stack) &&
        networks.left < wanted,
      got: `it has addresses for ${networks?.left} more networks, unless some have subnets of their own`,
      allowed: `room for the ${wanted} of this stack`,
      fix: `${setCommand("berth:subnet", freeSubnet(engine.taken), stack)}   (or docker network prune; or smaller ones: {"default-address-pools": [{"base": "10.200.0.0/16", "size": 24}]} in its daemon.json)`,
    },
    {
      key: "berth:platform",
      when: given !== platform,
      got: `${given}, while the engine's machine is ${platform}: what is built is emulated, or does not start`,
      allowed: "the engine's own, which is the default",
      fix: `pulumi config rm berth:platform --stack ${stack}`,
    },
    {
      key: `berth:ports.${low[0]?.endpoint}`,
      when: rootless && low.length > 0,
      got: `${low.map(({ external }) => external).join(" and ")}, while the engine runs without root`,
      allowed: `ports from ${OF_ROOT}, or a machine that lets everybody have lower ones`,
      fix: `${setCommand(`berth:ports.${low[0]?.endpoint}`, 8080, stack)}   (or sudo sysctl -w net.ipv4.ip_unprivileged_port_start=0)`,
    },
  ];
  return notices
    .filter(({ when }) => when)
    .map(({ key = "the engine", got, allowed, fix }) => ({ level: "warning", key, got, allowed, fix }));
}
