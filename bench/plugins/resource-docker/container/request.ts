/** From inputs to the body of the engine's create call. Pure. */
import { isObject, str } from "../../shared/wire.ts";
import type { Json, Props } from "../../shared/wire.ts";
import { labelMap } from "../labels.ts";
import { parseDuration } from "./duration.ts";

const MIB = 1024 * 1024;

const rows = (value: Json | undefined): Props[] => (Array.isArray(value) ? value.filter(isObject) : []);
const words = (value: Json | undefined): string[] => (Array.isArray(value) ? (value as string[]) : []);
const number = (value: Json | undefined): number => Number(value ?? 0);

/** The keys whose value says something: a zero value is an unset one to the real provider. */
function set(entries: { [key: string]: Json | undefined }): Props {
  const says = (value: Json | undefined): value is Json =>
    value !== undefined &&
    value !== null &&
    value !== "" &&
    value !== 0 &&
    value !== false &&
    !(Array.isArray(value) && value.length === 0);
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => says(value))) as Props;
}

/**
 * Docker's client writes capabilities in capitals, with their prefix and in order; the
 * state then differs from other forms (3.8).
 */
function capabilities(names: Json | undefined): string[] {
  const long = words(names)
    .map((name) => name.toUpperCase())
    .map((name) => (/^(ALL|RESET|CAP_.*)$/.test(name) ? name : `CAP_${name}`));
  return [...new Set(long)].sort();
}

const nanoseconds = (value: Json | undefined): number => parseDuration(str(value ?? "0s")) ?? 0;

function healthcheck(value: Json | undefined): Props {
  if (!isObject(value)) return {};
  return {
    Healthcheck: {
      Test: words(value["tests"]),
      Interval: nanoseconds(value["interval"]),
      Timeout: nanoseconds(value["timeout"]),
      StartPeriod: nanoseconds(value["startPeriod"]),
      StartInterval: nanoseconds(value["startInterval"]),
      Retries: number(value["retries"]),
    },
  };
}

function ports(value: Json | undefined): { exposed: Props; bindings: { [port: string]: Json[] } } {
  const [exposed, bindings]: [Props, { [port: string]: Json[] }] = [{}, {}];
  for (const port of rows(value)) {
    const key = `${str(port["internal"])}/${str(port["protocol"])}`;
    exposed[key] = {};
    (bindings[key] ??= []).push({ HostIp: port["ip"] ?? "", HostPort: str(port["external"] ?? 0) });
  }
  return { exposed, bindings };
}

interface Volumes {
  readonly paths: Props;
  readonly binds: string[];
  readonly from: string[];
}

function volumes(value: Json | undefined): Volumes {
  const result: Volumes = { paths: {}, binds: [], from: [] };
  for (const { fromContainer, containerPath, volumeName, hostPath, readOnly, selinuxRelabel } of rows(value)) {
    if (!fromContainer && !containerPath)
      throw new Error("Unable to parse volumes: volume entry without container path or source container");
    if (fromContainer && containerPath)
      throw new Error("Unable to parse volumes: both a container and a path specified in a volume entry");
    if (fromContainer) {
      result.from.push(str(fromContainer));
      continue;
    }
    result.paths[str(containerPath)] = {};
    const source = hostPath || volumeName;
    const mode = (readOnly ? "ro" : "rw") + (selinuxRelabel ? `,${str(selinuxRelabel)}` : "");
    if (source) result.binds.push(`${str(source)}:${str(containerPath)}:${mode}`);
  }
  return result;
}

function mount(row: Props): Props {
  const type = row["type"];
  const volume = row["volumeOptions"];
  const tmpfs = row["tmpfsOptions"];
  return {
    Type: type!,
    Target: row["target"]!,
    Source: row["source"] ?? "",
    ReadOnly: row["readOnly"] ?? false,
    ...(type === "bind" &&
      isObject(row["bindOptions"]) && { BindOptions: { Propagation: row["bindOptions"]["propagation"] ?? "" } }),
    ...(type === "volume" &&
      isObject(volume) && {
        VolumeOptions: {
          NoCopy: volume["noCopy"] ?? false,
          Labels: labelMap(volume["labels"]),
          DriverConfig: set({ Name: volume["driverName"], Options: volume["driverOptions"] }),
          ...set({ Subpath: volume["subpath"] }),
        },
      }),
    ...(type === "tmpfs" &&
      isObject(tmpfs) && { TmpfsOptions: set({ SizeBytes: tmpfs["sizeBytes"], Mode: tmpfs["mode"] }) }),
  };
}

const throttles = (value: Json | undefined): Json[] =>
  rows(value).map(({ path, rate }) => ({ Path: path!, Rate: rate! }));

/** The limits that can also be changed later, in the units of the engine. */
export function resources(inputs: Props): Props {
  const swap = number(inputs["memorySwap"]);
  return set({
    Memory: number(inputs["memory"]) * MIB,
    MemoryReservation: number(inputs["memoryReservation"]) * MIB,
    MemorySwap: swap > 0 ? swap * MIB : swap,
    CpuShares: inputs["cpuShares"],
    CpusetCpus: inputs["cpuSet"],
    BlkioDeviceReadBps: throttles(inputs["deviceReadBps"]),
    BlkioDeviceReadIOps: throttles(inputs["deviceReadIops"]),
    BlkioDeviceWriteBps: throttles(inputs["deviceWriteBps"]),
    BlkioDeviceWriteIOps: throttles(inputs["deviceWriteIops"]),
  });
}

export const restartPolicy = (inputs: Props): Props => ({
  Name: inputs["restart"] ?? "no",
  MaximumRetryCount: number(inputs["maxRetryCount"]),
});

/** `cpus` wins over period and quota. */
function cpu(inputs: Props): Props {
  const { cpus } = inputs;
  if (cpus === undefined || cpus === "") return set({ CpuPeriod: inputs["cpuPeriod"], CpuQuota: inputs["cpuQuota"] });
  if (!/^\d+(\.\d+)?$/.test(str(cpus)))
    throw new Error(`Error setting cpus: failed to parse ${JSON.stringify(cpus)} as a number`);
  return { NanoCpus: Math.round(Number(cpus) * 1e9) };
}

/** `systempaths=unconfined` is the client's to handle: the engine does not know it. */
function security(value: Json | undefined): Props {
  const all = words(value);
  const open = all.includes("systempaths=unconfined");
  return {
    ...set({ SecurityOpt: all.filter((option) => option !== "systempaths=unconfined") }),
    ...(open && { MaskedPaths: [], ReadonlyPaths: [] }),
  };
}

function hostConfig(inputs: Props, { binds, from }: Volumes, bindings: Props): Props {
  const caps = isObject(inputs["capabilities"]) ? inputs["capabilities"] : {};
  return {
    ...set({
      Privileged: inputs["privileged"],
      PublishAllPorts: inputs["publishAllPorts"],
      Runtime: inputs["runtime"],
      Mounts: rows(inputs["mounts"]).map(mount),
      Binds: binds,
      VolumesFrom: from,
      Tmpfs: inputs["tmpfs"],
      ExtraHosts: rows(inputs["hosts"]).map(({ host, ip }) => `${str(host)}:${str(ip)}`),
      Ulimits: rows(inputs["ulimits"]).map(({ name, soft, hard }) => ({ Name: name!, Soft: soft!, Hard: hard! })),
      CapAdd: capabilities(caps["adds"]),
      CapDrop: capabilities(caps["drops"]),
      Devices: rows(inputs["devices"]).map(({ hostPath, containerPath, permissions }) => ({
        PathOnHost: hostPath!,
        PathInContainer: containerPath || hostPath!,
        CgroupPermissions: permissions ?? "rwm",
      })),
      Dns: inputs["dns"],
      DnsOptions: inputs["dnsOpts"],
      DnsSearch: inputs["dnsSearches"],
      ShmSize: number(inputs["shmSize"]) * MIB,
      NetworkMode: inputs["networkMode"],
      UsernsMode: inputs["usernsMode"],
      PidMode: inputs["pidMode"],
      IpcMode: inputs["ipcMode"],
      Sysctls: inputs["sysctls"],
      GroupAdd: inputs["groupAdds"],
      CgroupnsMode: inputs["cgroupnsMode"],
      CgroupParent: inputs["cgroupParent"],
      StorageOpt: inputs["storageOpts"],
    }),
    ...security(inputs["securityOpts"]),
    ...resources(inputs),
    ...cpu(inputs),
    PortBindings: bindings,
    RestartPolicy: restartPolicy(inputs),
    AutoRemove: inputs["rm"] ?? false,
    ReadonlyRootfs: inputs["readOnly"] ?? false,
    LogConfig: { Type: inputs["logDriver"] ?? "", Config: inputs["logOpts"] ?? {} },
    // Always sent, so a daemon's own default is overridden (3.7).
    Init: inputs["init"] ?? false,
  };
}

export function createRequest(inputs: Props, image: string): Props {
  if (words(inputs["command"]).includes("")) throw new Error("values for command may not be empty");
  const { exposed, bindings } = ports(inputs["ports"]);
  const found = volumes(inputs["volumes"]);
  return {
    Image: image,
    ...set({
      Hostname: inputs["hostname"],
      Domainname: inputs["domainname"],
      Tty: inputs["tty"],
      OpenStdin: inputs["stdinOpen"],
      StopSignal: inputs["stopSignal"],
      StopTimeout: inputs["stopTimeout"],
      Env: inputs["envs"],
      Cmd: inputs["command"],
      Entrypoint: inputs["entrypoints"],
      User: inputs["user"],
      WorkingDir: inputs["workingDir"],
    }),
    ...healthcheck(inputs["healthcheck"]),
    Labels: labelMap(inputs["labels"]),
    Volumes: found.paths,
    ExposedPorts: exposed,
    HostConfig: hostConfig(inputs, found, bindings),
  };
}

/** The settings of one endpoint. */
export function endpoint(row: Props): Props {
  const options = words(row["driverOpts"]).map((line) => [
    line.slice(0, line.indexOf("=")),
    line.slice(line.indexOf("=") + 1),
  ]);
  return {
    ...set({ Aliases: row["aliases"], MacAddress: row["macAddress"], GwPriority: row["gwPriority"] }),
    ...(options.length > 0 && { DriverOpts: Object.fromEntries(options) as Props }),
    IPAMConfig: set({
      IPv4Address: row["ipv4Address"],
      IPv6Address: row["ipv6Address"],
      LinkLocalIPs: row["linkLocalIps"],
    }),
  };
}
