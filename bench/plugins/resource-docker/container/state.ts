/**
 * From the engine's inspection to the outputs. What is missing here is not read back, so its drift is invisible (3.6).
 */
import { isObject, str } from "../../shared/wire.ts";
import type { Json, Props } from "../../shared/wire.ts";
import { formatDuration } from "./duration.ts";

const MIB = 1024 * 1024;

/** The part of an inspection that is read. Lists and maps may be null. */
export interface Inspection {
  readonly Id: string;
  readonly Name: string;
  readonly Image: string;
  readonly Platform: string;
  readonly State: {
    readonly Running: boolean;
    readonly ExitCode: number;
    readonly Health?: { readonly Status: string };
  };
  readonly Config: Props;
  readonly HostConfig: Props;
  readonly NetworkSettings: {
    readonly Bridge: string;
    readonly Ports: { readonly [port: string]: { HostIp: string; HostPort: string }[] | null } | null;
    readonly Networks: { readonly [name: string]: Props } | null;
  };
}

const rows = (value: Json | undefined): Props[] => (Array.isArray(value) ? value.filter(isObject) : []);
const mib = (value: Json | undefined): number =>
  Number(value ?? 0) > 0 ? Math.floor(Number(value) / MIB) : Number(value ?? 0);

/**
 * The real provider's text for a number of cpus, rounding and all: "1" comes back as "1.0", "10" as "10." and
 * "0.05" as "0.1", each of which then differs from the program for ever (3.8).
 */
export function cpusText(nano: number): string {
  const full =
    (BigInt(nano) / 1_000_000_000n).toString() + "." + (BigInt(nano) % 1_000_000_000n).toString().padStart(9, "0");
  if ([...full].filter((digit) => digit === "0").length !== 9) return full.replace(/0+$/, "");
  const tenths = (BigInt(nano) + 50_000_000n) / 100_000_000n;
  return `${tenths / 10n}.${tenths % 10n}`;
}

function mountOf(mount: Props): Props {
  const { BindOptions: bind, VolumeOptions: volume, TmpfsOptions: tmpfs } = mount;
  return {
    target: mount["Target"] ?? "",
    source: mount["Source"] ?? "",
    type: mount["Type"] ?? "",
    readOnly: mount["ReadOnly"] ?? false,
    ...(isObject(bind) && { bindOptions: { propagation: bind["Propagation"] ?? "" } }),
    ...(isObject(volume) && {
      volumeOptions: {
        noCopy: volume["NoCopy"] ?? false,
        labels: Object.entries(isObject(volume["Labels"]) ? volume["Labels"] : {}).map(([label, value]) => ({
          label,
          value,
        })),
        ...(isObject(volume["DriverConfig"]) && {
          driverName: volume["DriverConfig"]["Name"] ?? "",
          driverOptions: volume["DriverConfig"]["Options"] ?? {},
        }),
        subpath: volume["Subpath"] ?? "",
      },
    }),
    ...(isObject(tmpfs) && { tmpfsOptions: { sizeBytes: tmpfs["SizeBytes"] ?? 0, mode: tmpfs["Mode"] ?? 0 } }),
  };
}

function portsOf(ports: Inspection["NetworkSettings"]["Ports"]): Props[] {
  return Object.entries(ports ?? {})
    .sort(([a], [b]) => Number.parseInt(a) - Number.parseInt(b))
    .flatMap(([key, bindings]) => {
      const [internal, protocol] = key.split("/");
      return (bindings ?? []).map(({ HostIp, HostPort }) => ({
        internal: Number(internal),
        external: Number(HostPort),
        ip: HostIp,
        protocol: protocol ?? "tcp",
      }));
    });
}

function networksOf(networks: Inspection["NetworkSettings"]["Networks"]): Props[] {
  return Object.entries(networks ?? {})
    .sort()
    .map(([networkName, data]) => ({
      networkName,
      ipAddress: data["IPAddress"] ?? "",
      ipPrefixLength: data["IPPrefixLen"] ?? 0,
      gateway: data["Gateway"] ?? "",
      globalIpv6Address: data["GlobalIPv6Address"] ?? "",
      globalIpv6PrefixLength: data["GlobalIPv6PrefixLen"] ?? 0,
      ipv6Gateway: data["IPv6Gateway"] ?? "",
      macAddress: data["MacAddress"] ?? "",
    }));
}

function healthcheckOf(value: Json | undefined): Props {
  if (!isObject(value)) return {};
  const time = (key: string): string => formatDuration(Number(value[key] ?? 0));
  return {
    healthcheck: {
      tests: value["Test"] ?? [],
      interval: time("Interval"),
      timeout: time("Timeout"),
      startPeriod: time("StartPeriod"),
      startInterval: time("StartInterval"),
      retries: value["Retries"] ?? 0,
    },
  };
}

const throttlesOf = (value: Json | undefined): Props[] =>
  rows(value).map(({ Path, Rate }) => ({ path: Path!, rate: Rate! }));

function processOf(config: Props, host: Props): Props {
  return {
    hostname: config["Hostname"] ?? "",
    domainname: config["Domainname"] ?? "",
    command: config["Cmd"] ?? [],
    entrypoints: config["Entrypoint"] ?? [],
    user: config["User"] ?? "",
    workingDir: config["WorkingDir"] ?? "",
    tty: config["Tty"] ?? false,
    stdinOpen: config["OpenStdin"] ?? false,
    stopSignal: config["StopSignal"] ?? "",
    stopTimeout: config["StopTimeout"] ?? 0,
    init: host["Init"] ?? false,
    mounts: rows(host["Mounts"]).map(mountOf),
    tmpfs: host["Tmpfs"] ?? {},
    ...healthcheckOf(config["Healthcheck"]),
  };
}

function confinementOf(host: Props, before: Props): Props {
  const [adds, drops] = [(host["CapAdd"] ?? []) as Json[], (host["CapDrop"] ?? []) as Json[]];
  const nano = Number(host["NanoCpus"] ?? 0);
  const log = isObject(host["LogConfig"]) ? host["LogConfig"] : {};
  return {
    readOnly: host["ReadonlyRootfs"] ?? false,
    privileged: host["Privileged"] ?? false,
    ...(adds.length + drops.length > 0 && { capabilities: { adds, drops } }),
    securityOpts: host["SecurityOpt"] ?? [],
    groupAdds: host["GroupAdd"] ?? [],
    sysctls: host["Sysctls"] ?? {},
    ...(before["ulimits"] !== undefined && {
      ulimits: rows(host["Ulimits"]).map(({ Name, Soft, Hard }) => ({ name: Name!, soft: Soft!, hard: Hard! })),
    }),
    deviceReadBps: throttlesOf(host["BlkioDeviceReadBps"]),
    deviceReadIops: throttlesOf(host["BlkioDeviceReadIOps"]),
    deviceWriteBps: throttlesOf(host["BlkioDeviceWriteBps"]),
    deviceWriteIops: throttlesOf(host["BlkioDeviceWriteIOps"]),
    memory: mib(host["Memory"]),
    memoryReservation: mib(host["MemoryReservation"]),
    memorySwap: mib(host["MemorySwap"]),
    shmSize: mib(host["ShmSize"]),
    ...(nano > 0 && { cpus: cpusText(nano) }),
    cpuShares: host["CpuShares"] ?? 0,
    cpuSet: host["CpusetCpus"] ?? "",
    ipcMode: host["IpcMode"] ?? "",
    ...(before["pidMode"] && { pidMode: host["PidMode"] ?? "" }),
    usernsMode: host["UsernsMode"] ?? "",
    runtime: host["Runtime"] ?? "",
    storageOpts: host["StorageOpt"] ?? {},
    logDriver: log["Type"] ?? "",
    // Only those that the program gave are followed: the daemon has defaults of its own.
    ...(before["logOpts"] !== undefined && { logOpts: log["Config"] ?? {} }),
    ...devicesOf(host["Devices"], before["devices"]),
  };
}

/** The path inside is only read back where the program gave one. */
function devicesOf(found: Json | undefined, before: Json | undefined): Props {
  if (before === undefined) return {};
  const chosen = new Set(
    rows(before)
      .filter(({ containerPath }) => containerPath)
      .map(({ hostPath }) => hostPath),
  );
  return {
    devices: rows(found).map(({ PathOnHost, PathInContainer, CgroupPermissions }) => ({
      hostPath: PathOnHost!,
      permissions: CgroupPermissions!,
      ...(chosen.has(PathOnHost) && { containerPath: PathInContainer! }),
    })),
  };
}

/** `before` is the state so far: some properties are only followed when the program set them. */
export function outputsOf(found: Inspection, before: Props): Props {
  const { Config: config, HostConfig: host, NetworkSettings: network, State: state } = found;
  const restart = isObject(host["RestartPolicy"]) ? host["RestartPolicy"] : {};
  const mustRun = before["mustRun"] !== false;
  const followPorts = before["ports"] !== undefined && (state.Running || mustRun);
  return {
    name: found.Name.replace(/^\//, ""),
    // A configured image id is compared with the container's; any other reference is compared as text (3.6).
    image: str(before["image"]).startsWith("sha256:") ? found.Image : (config["Image"] ?? ""),
    platform: found.Platform,
    rm: host["AutoRemove"] ?? false,
    restart: restart["Name"] ?? "",
    maxRetryCount: restart["MaximumRetryCount"] ?? 0,
    publishAllPorts: host["PublishAllPorts"] ?? false,
    networkMode: host["NetworkMode"] ?? "",
    dns: host["Dns"] ?? [],
    dnsOpts: host["DnsOptions"] ?? [],
    dnsSearches: host["DnsSearch"] ?? [],
    hosts: ((host["ExtraHosts"] ?? []) as string[]).map((line) => ({
      host: line.split(":")[0] ?? "",
      ip: line.split(":")[1] ?? "",
    })),
    bridge: network.Bridge,
    networkDatas: networksOf(network.Networks),
    ...(followPorts && { ports: portsOf(network.Ports) }),
    ...processOf(config, host),
    ...confinementOf(host, before),
    // A stopped container that should run is a difference, which the next update answers by starting it.
    ...(!state.Running && { exitCode: state.ExitCode, mustRun: false }),
  };
}
