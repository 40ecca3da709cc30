/**
 * The inputs and outputs of docker:index/container:Container, with their defaults (3.2) and what a change costs (3.1).
 */
import { atLeast, block, bool, int, list, map, pattern, set, text } from "../../shared/table.ts";
import type { Property, Table } from "../../shared/table.ts";
import { isObject, str } from "../../shared/wire.ts";
import type { Json, Props } from "../../shared/wire.ts";
import { labelsProperty } from "../labels.ts";
import { parseDuration } from "./duration.ts";

const R = { replace: true } as const;
const RC = { replace: true, computed: true } as const;

/** The engine fills these in where the program is silent, and an empty text never differs. */
const emptyIsSame = (old: Json, fresh: Json): boolean => fresh === "" || old === fresh;

const duration = (value: Json): string | undefined =>
  parseDuration(str(value)) === undefined
    ? `is ${JSON.stringify(value)}, which is no duration such as "30s" or "1m30s"`
    : undefined;
const interval = (): Property => text({ fallback: "0s", problem: duration });

/** The order of published ports does not count (3.7), and an external port may be the engine's choice. */
function samePorts(old: Json, fresh: Json): boolean {
  if (!Array.isArray(old) || !Array.isArray(fresh) || old.length !== fresh.length) return false;
  const [before, after] = [old.filter(isObject), fresh.filter(isObject)];
  return after.every((port) =>
    before.some(
      (was) =>
        ["internal", "protocol", "ip"].every((key) => was[key] === port[key]) &&
        (port["external"] === undefined || port["external"] === 0 || was["external"] === port["external"]),
    ),
  );
}

const throttle = (): Property =>
  set({}, { path: text({ required: true }), rate: int({ required: true, problem: atLeast(0) }) });

const mountFields: Table = {
  target: text({ required: true }),
  source: text(),
  type: text({ required: true, problem: pattern(/^(bind|volume|tmpfs)$/) }),
  readOnly: bool(),
  bindOptions: block({}, { propagation: text({ problem: pattern(/^r?(private|shared|slave)$/) }) }),
  volumeOptions: block(
    {},
    {
      noCopy: bool(),
      labels: set({}, { label: text({ required: true }), value: text({ required: true }) }),
      driverName: text(),
      driverOptions: map(),
      subpath: text(R),
    },
  ),
  tmpfsOptions: block(R, { sizeBytes: int(), mode: int() }),
};

/** What the engine is told about the process and its files. */
const process: Table = {
  image: text({ required: true, ...R }),
  command: list(RC),
  entrypoints: list(RC),
  envs: set(RC),
  user: text({ ...R, same: emptyIsSame }),
  workingDir: text({ ...R, same: emptyIsSame }),
  hostname: text(RC),
  domainname: text(R),
  labels: labelsProperty({ computed: true }),
  tty: bool({ ...R, fallback: false }),
  stdinOpen: bool({ ...R, fallback: false }),
  stopSignal: text(RC),
  stopTimeout: int(RC),
  init: bool({ computed: true }),
  healthcheck: block(
    { computed: true },
    {
      tests: list(),
      interval: interval(),
      timeout: interval(),
      startPeriod: interval(),
      startInterval: interval(),
      retries: int({ fallback: 0, problem: atLeast(0) }),
    },
  ),
  uploads: set(R, {
    file: text({ required: true, ...R }),
    content: text(R),
    contentBase64: text(R),
    source: text(R),
    sourceHash: text(R),
    executable: bool({ ...R, fallback: false }),
    permissions: text({ ...R, problem: pattern(/^0[0-7]{3}$/) }),
  }),
  volumes: set(R, {
    containerPath: text(R),
    fromContainer: text(R),
    hostPath: text({ ...R, problem: pattern(/^(\/|[A-Za-z]:)/) }),
    volumeName: text(R),
    readOnly: bool(R),
    selinuxRelabel: text({ ...R, problem: pattern(/^(z|Z)$/) }),
  }),
  // Only the number of mounts forces a replacement: an edit of one is "updated", which does nothing (2.8).
  mounts: set(R, mountFields),
  tmpfs: map(),
};

/** Isolation, limits and devices. */
const confinement: Table = {
  readOnly: bool({ ...R, fallback: false }),
  privileged: bool(R),
  capabilities: block({ ...R, setOfOne: true }, { adds: set(R), drops: set(R) }),
  securityOpts: set(RC),
  groupAdds: set(R),
  sysctls: map(R),
  ulimits: set(R, {
    name: text({ required: true, ...R }),
    soft: int({ required: true, ...R }),
    hard: int({ required: true, ...R }),
  }),
  devices: set(R, {
    hostPath: text({ required: true, ...R }),
    containerPath: text(R),
    permissions: text({ ...R, fallback: "rwm" }),
  }),
  deviceReadBps: throttle(),
  deviceReadIops: throttle(),
  deviceWriteBps: throttle(),
  deviceWriteIops: throttle(),
  memory: int({ problem: atLeast(0) }),
  memoryReservation: int({ fallback: 0, problem: atLeast(0) }),
  memorySwap: int({ problem: atLeast(-1) }),
  shmSize: int({ ...RC, problem: atLeast(0) }),
  cpus: text(R),
  cpuShares: int({ problem: atLeast(0) }),
  cpuSet: text({ problem: pattern(/^\d+([,-]\d+)*$/) }),
  cpuPeriod: int({ problem: atLeast(0) }),
  cpuQuota: int({ problem: atLeast(0) }),
  cgroupnsMode: text(R),
  cgroupParent: text(R),
  ipcMode: text(RC),
  pidMode: text(R),
  deviceRequests: set(R, {}),
  gpus: text(R),
  usernsMode: text(R),
  runtime: text(RC),
  platform: text(RC),
  storageOpts: map(R),
  logDriver: text(RC),
  logOpts: map(R),
};

const networking: Table = {
  networkMode: text({ ...R, fallback: "bridge" }),
  networksAdvanced: set(R, {
    name: text({ required: true, ...R }),
    aliases: set(R),
    ipv4Address: text(R),
    ipv6Address: text(R),
    linkLocalIps: set(R),
    macAddress: text(R),
    driverOpts: set(R),
    gwPriority: int(R),
  }),
  ports: list(
    { ...R, same: samePorts },
    {
      internal: int({ required: true, ...R }),
      external: int(RC),
      ip: text({ ...R, fallback: "0.0.0.0" }),
      protocol: text({ ...R, fallback: "tcp" }),
    },
  ),
  publishAllPorts: bool(R),
  hosts: set(R, { host: text({ required: true, ...R }), ip: text({ required: true, ...R }) }),
  dns: set(R),
  dnsOpts: set(R),
  dnsSearches: set(R),
};

/** How the provider goes about it; only `restart` and `maxRetryCount` reach the engine. */
const behaviour: Table = {
  name: text(R),
  start: bool({ fallback: true }),
  mustRun: bool({ fallback: true }),
  wait: bool({ fallback: false }),
  waitTimeout: int({ fallback: 60 }),
  attach: bool({ fallback: false }),
  logs: bool({ fallback: false }),
  rm: bool({ fallback: false }),
  restart: text({ fallback: "no", problem: pattern(/^(no|on-failure|always|unless-stopped)$/) }),
  maxRetryCount: int(),
  removeVolumes: bool({ fallback: true }),
  destroyGraceSeconds: int(),
  containerReadRefreshTimeoutMilliseconds: int({ fallback: 15_000 }),
};

const outputs: Table = {
  bridge: text({ output: true }),
  containerLogs: text({ output: true }),
  exitCode: int({ output: true }),
  networkDatas: list({ output: true }),
};

export const table: Table = { ...process, ...confinement, ...networking, ...behaviour, ...outputs };

/** Inputs that the stand-in would have to fake. */
const UNSUPPORTED = ["deviceRequests", "gpus"] as const;

export const unsupported = (news: Props): { property: string; reason: string }[] =>
  UNSUPPORTED.filter((name) => news[name] !== undefined).map((name) => ({
    property: name,
    reason: `the bench stand-in does not implement Container.${name}`,
  }));
