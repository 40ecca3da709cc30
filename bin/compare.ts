/** A stack's state against what the engine has, for bin/drift: pure functions over what both of them say. */
import { type FileFound, sha256 } from "./archive.ts";
import { CONTAINER, type Deployment, type Resource, VOLUME } from "./deployment.ts";
import { CHANGES, isReal, type PreviewStep } from "./steps.ts";

type Props = Readonly<Record<string, unknown>>;

export interface ContainerFound {
  readonly Id: string;
  readonly Name: string;
  readonly Image: string;
  readonly State: { readonly Status: string; readonly ExitCode: number; readonly Health?: { readonly Status: string } };
  readonly HostConfig: Readonly<Record<string, number | string | null | object>> & {
    readonly RestartPolicy: { readonly Name: string };
  };
  readonly NetworkSettings: {
    readonly Networks: Readonly<Record<string, { readonly Aliases: readonly string[] | null }>>;
  };
}
export interface NetworkFound {
  readonly Id: string;
  readonly Name: string;
  readonly Containers: Readonly<Record<string, { readonly Name: string }>>;
}
export interface VolumeFound {
  readonly Name: string;
  readonly Labels: Readonly<Record<string, string>> | null;
}

/** What the engine has of a stack. */
export interface Engine {
  readonly containers: readonly ContainerFound[];
  readonly networks: readonly NetworkFound[];
  readonly volumes: readonly VolumeFound[];
  /** Reference → id of what it names. */
  readonly images: ReadonlyMap<string, string>;
  /** Id of a container that carries files → what is on its volume. */
  readonly files: ReadonlyMap<string, readonly FileFound[]>;
  /** Id of such a container → what its image has in that folder, where there is more than was carried in. */
  readonly brought: ReadonlyMap<string, readonly FileFound[]>;
  /** Limits that its kernel does not count: whatever is declared, it answers with something else. @default none */
  readonly uncounted?: readonly string[];
}

export interface Finding {
  readonly object: string;
  readonly what: string;
  /** What bin/up does about it. */
  readonly up: string;
  /** `pulumi up` is told to replace this resource. */
  readonly replace?: string;
  /** What bin/up tells the engine first. */
  readonly engine?: readonly string[];
}

const NETWORK = "docker:index/network:Network";
const IMAGE = "docker:index/image:Image";
const SECRET = "4dabf18193072939515e22adb298388d";
const MIB = 1024 ** 2;

const short = (image: string): string => image.replace(/^sha256:([0-9a-f]{12}).*/, "$1");

/** The state wraps secrets; comparing needs what is inside. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  if (SECRET in value) return plain(JSON.parse((value as { plaintext?: string }).plaintext ?? "null"));
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

export const inputsOf = (resource: Resource): Props => plain(resource.inputs ?? {}) as Props;
export const rows = <T>(value: unknown): readonly T[] => (Array.isArray(value) ? (value as T[]) : []);
/** The first of some values that is text. */
const textOf = (...values: unknown[]): string => values.find((value) => typeof value === "string") ?? "";
const nameOf = ({ inputs, outputs, id, urn }: Resource): string => textOf(inputs?.["name"], outputs?.["name"], id, urn);

/** Every difference between a state and what the engine has. */
export function differences(
  { resources = [], pending_operations: pending = [] }: Deployment,
  engine: Engine,
): Finding[] {
  const of = (type: string) => resources.filter((resource) => resource.type === type && resource.id !== undefined);
  const [live, leaving] = [
    of(CONTAINER).filter((resource) => !resource.delete),
    resources.filter((resource) => resource.delete && resource.type === CONTAINER),
  ];
  const volumes = new Map(of(VOLUME).map((resource) => [resource.id!, resource.urn]));
  const found = new Map(engine.containers.map((container) => [container.Id, container]));
  const carriers = live.filter(({ inputs, id }) => inputs?.["start"] === false && !found.has(id!));
  const pruned = carriers.length > 1 ? carriers : [];
  return [
    ...goneTogether(pruned),
    ...live
      .filter((resource) => !pruned.includes(resource))
      .flatMap((resource) => containerFindings(resource, found.get(resource.id!), engine)),
    ...live.flatMap((resource) => fileFindings(resource, engine, volumes)),
    ...of(IMAGE).flatMap((resource) => imageFindings(resource, engine)),
    ...missing("network", of(NETWORK), new Set(engine.networks.map((network) => network.Id))),
    ...missing("volume", of(VOLUME), new Set(engine.volumes.map((volume) => volume.Name))),
    ...foreign(resources, engine),
    ...leaving
      .filter((resource) => found.has(resource.id!))
      .map((resource) => ({
        object: `container ${nameOf(resource)}`,
        what: "is left of a former release",
        up: "removes it",
      })),
    ...pending.map(({ type, resource }) => ({
      object: `resource ${resource.urn.split("::").at(-1)!}`,
      what: `an up was interrupted while ${type} it`,
      up: "completes it",
    })),
  ];
}

/** `docker system prune` takes all that do not run. Whoever reads what they carried has it on a volume, and runs on. */
const goneTogether = (carriers: readonly Resource[]): Finding[] =>
  carriers.length === 0
    ? []
    : [
        {
          object: "containers that carried files",
          what: `${carriers.length} are gone, as after docker system prune`,
          up: "makes them anew; what reads the files runs on",
        },
      ];

const missing = (kind: string, resources: readonly Resource[], there: ReadonlySet<string>): Finding[] =>
  resources
    .filter((resource) => !resource.delete && !there.has(resource.id!))
    .map((resource) => ({ object: `${kind} ${nameOf(resource)}`, what: "is gone", up: "makes it anew" }));

function containerFindings(resource: Resource, found: ContainerFound | undefined, engine: Engine): Finding[] {
  const { urn, initErrors = [] } = resource;
  const object = `container ${nameOf(resource)}`;
  if (!found) return [{ object, what: "is gone", up: "makes it anew" }];
  const inputs = inputsOf(resource);
  const replaced = (what: string): Finding => ({ object, what, up: "replaces it", replace: urn });
  const name = found.Name.slice(1);
  return [
    ...(initErrors.length ? [replaced("did not get healthy when it was made")] : []),
    ...(name === nameOf(resource) ? [] : [replaced(`was renamed to ${name}`)]),
    ...stateFindings(inputs, found, object, replaced),
    ...limitFindings(inputs, found, object, engine, replaced),
    ...networkFindings(inputs, found, object, replaced),
    ...tagFindings(inputs, found, object, engine, replaced),
  ];
}

type Replaced = (what: string) => Finding;

function stateFindings(
  inputs: Props,
  { Id, State: { Status, ExitCode, Health } }: ContainerFound,
  object: string,
  replaced: Replaced,
): Finding[] {
  if (inputs["start"] === false)
    return Status === "created" ? [] : [replaced(`was started, though it only carries files (${Status})`)];
  if (Status === "paused") return [{ object, what: "is paused", up: "lets it go on", engine: ["unpause", Id] }];
  if (Status === "restarting") return [replaced(`keeps restarting (exit code ${ExitCode})`)];
  if (Status !== "running") return [replaced(`does not run: ${Status} (exit code ${ExitCode})`)];
  return Health?.Status === "unhealthy" ? [replaced("is unhealthy")] : [];
}

/** What `docker update` changes. A limit that was never declared cannot be taken away in place. */
function limitFindings(
  inputs: Props,
  { HostConfig }: ContainerFound,
  object: string,
  { uncounted = [] }: Engine,
  replaced: Replaced,
): Finding[] {
  const limits: readonly (readonly [key: string, field: string, unit: number, text: string, inPlace: boolean])[] = [
    ["memory", "Memory", MIB, "memory limit in MiB", true],
    ["memorySwap", "MemorySwap", MIB, "memory and swap limit in MiB", true],
    ["memoryReservation", "MemoryReservation", MIB, "memory reservation in MiB", true],
    ["cpuShares", "CpuShares", 1, "cpu weight", true],
    ["cpus", "NanoCpus", 1e9, "cpu limit", false],
    ["pidsLimit", "PidsLimit", 1, "limit of processes", false],
  ];
  const found = limits.flatMap(([key, field, unit, text, inPlace]) => {
    const [declared, real] = [Number(inputs[key] ?? 0), Math.max(0, Number(HostConfig[field] ?? 0)) / unit];
    if (declared === real || uncounted.includes(key)) return [];
    const what = `${text} is ${real}, declared ${declared || "none"}`;
    // Of what there may be several, another limit of memory makes another container (components/workload.ts).
    const again = /^memory(?:Swap)?$/.test(key) && !isSingle(inputs);
    return [inPlace && declared && !again ? { object, what, up: "sets it back" } : replaced(what)];
  });
  const cpuset = textOf(HostConfig["CpusetCpus"]);
  const [declared, real] = [textOf(inputs["restart"], "no"), HostConfig.RestartPolicy.Name || "no"];
  return [
    ...found,
    ...(cpuset === textOf(inputs["cpuSet"]) ? [] : [replaced(`is bound to the cores ${cpuset || "of all"}`)]),
    ...(declared === real
      ? []
      : [{ object, what: `restart policy is ${real}, declared ${declared}`, up: "sets it back" }]),
  ];
}

function networkFindings(
  inputs: Props,
  { Id, NetworkSettings: { Networks } }: ContainerFound,
  object: string,
  replaced: Replaced,
): Finding[] {
  const declared = rows<{ name: string; aliases?: string[] }>(inputs["networksAdvanced"]);
  // Without a list the engine's own network of that name is meant.
  const expected = declared.length ? declared : [{ name: textOf(inputs["networkMode"], "bridge"), aliases: [] }];
  return [
    ...expected.flatMap(({ name, aliases = [] }) => {
      const real = Networks[name];
      if (!real) return [replaced(`is not in network ${name}`)];
      const lost = aliases.filter((alias) => !(real.Aliases ?? []).includes(alias));
      return lost.length ? [replaced(`is not called ${lost.join(", ")} in network ${name}`)] : [];
    }),
    ...Object.keys(Networks)
      .filter((name) => expected.every((network) => network.name !== name))
      .map((name) => ({
        object,
        what: `is in network ${name}, which is not its own`,
        up: "takes it out",
        engine: ["network", "disconnect", "--force", name, Id],
      })),
  ];
}

/**
 * A pulled image is named by a tag, and a tag moves; a digest does not. What only carries files does not mind. What is
 * single keeps the image that it runs: another one is a release, and tried before (components/rehearsal.ts).
 */
function tagFindings(
  inputs: Props,
  { Image }: ContainerFound,
  object: string,
  { images }: Engine,
  replaced: Replaced,
): Finding[] {
  const image = textOf(inputs["image"]);
  if (inputs["start"] === false || /(^|@)sha256:/.test(image)) return [];
  const named = images.get(image);
  if (named === Image) return [];
  const back = { object, up: "gives its image the name back", engine: ["tag", Image, image] };
  if (named === undefined) return [{ ...back, what: `nothing is called ${image} any more` }];
  const what = `runs ${short(Image)}, but ${image} is now ${short(named)}`;
  return [isSingle(inputs) ? { ...back, what: `${what}, which berth:baseImages takes by its digest` } : replaced(what)];
}

/** It has a name of its own; of what there may be several, the provider makes the names. */
const isSingle = (inputs: Props): boolean => !rows<string>(inputs["__defaults"]).includes("name");

function imageFindings({ urn, outputs = {} }: Resource, { images }: Engine): Finding[] {
  const [name, digest] = [textOf(outputs["imageName"]), textOf(outputs["repoDigest"])];
  if (!digest.startsWith("sha256:")) return [];
  const named = images.get(name);
  if (named === digest) return [];
  return [
    {
      object: `image ${name}`,
      what: named === undefined ? "is gone" : `was retagged: it is ${short(named)}, built was ${short(digest)}`,
      up: "builds it again",
      replace: urn,
    },
  ];
}

/** The volume that a container carries files onto, and where it has it. */
export const cargoOf = (resource: Resource): { readonly volumeName: string; readonly containerPath: string } =>
  rows<{ volumeName: string; containerPath: string }>(inputsOf(resource)["volumes"])[0]!;
const uploadsOf = (resource: Resource) =>
  rows<{ file: string; content: string; permissions?: string }>(inputsOf(resource)["uploads"]);

/** What is on the volume that the container did not carry there: the engine copies what the image has at its place. */
export const unexpected = (resource: Resource, found: readonly FileFound[]): FileFound[] =>
  found.filter(({ path }) => uploadsOf(resource).every(({ file }) => file !== path));
const same = (one: Omit<FileFound, "path">, other: FileFound): boolean =>
  one.sha256 === other.sha256 && one.mode === other.mode && one.owner === other.owner;

function fileFindings(resource: Resource, { files, brought }: Engine, volumes: ReadonlyMap<string, string>): Finding[] {
  const found = files.get(resource.id!);
  if (!found) return [];
  const { volumeName: volume } = cargoOf(resource);
  const uploads = uploadsOf(resource);
  const urn = volumes.get(volume);
  const finding = (what: string): Finding => ({
    object: `volume ${volume}`,
    what,
    up: "makes the volume anew, and replaces its readers",
    ...(urn ? { replace: urn } : {}),
  });
  return [
    ...uploads.flatMap(({ file, content, permissions = "0644" }) => {
      const real = found.find(({ path }) => path === file);
      if (!real) return [finding(`file ${file} is missing`)];
      return [
        ...(real.sha256 === sha256(content) ? [] : [finding(`file ${file} was changed`)]),
        ...(real.mode === permissions && real.owner === "0:0"
          ? []
          : [finding(`file ${file} has mode ${real.mode} and owner ${real.owner}`)]),
      ];
    }),
    ...unexpected(resource, found)
      .filter((file) => !brought.get(resource.id!)?.some(({ path, ...of }) => path === file.path && same(of, file)))
      .map(({ path }) => finding(`file ${path} was added`)),
  ];
}

/** What carries the stack's labels, or sits in its networks, and is not in the state. */
export function foreign(resources: readonly Resource[], { containers, networks, volumes }: Engine): Finding[] {
  const known = new Set(resources.map((resource) => resource.id));
  const stranger = (kind: string, name: string, id: string, command: readonly string[]): Finding => ({
    object: `${kind} ${name}`,
    what: "carries the stack's labels, but is not in its state",
    up: "removes it",
    engine: [...command, id],
  });
  const strange = containers.filter(({ Id }) => !known.has(Id));
  return [
    ...strange.map(({ Id, Name }) => stranger("container", Name.slice(1), Id, ["rm", "--force", "--volumes"])),
    ...networks
      .filter(({ Id }) => known.has(Id))
      .flatMap((network) =>
        Object.entries(network.Containers)
          .filter(([id]) => !known.has(id) && strange.every(({ Id }) => Id !== id))
          .map(([id, { Name }]) => ({
            object: `container ${Name}`,
            what: `is in network ${network.Name}, but not of this stack`,
            up: "takes it out",
            engine: ["network", "disconnect", "--force", network.Name, id],
          })),
      ),
    ...networks
      .filter(({ Id }) => !known.has(Id))
      .map(({ Id, Name }) => stranger("network", Name, Id, ["network", "rm"])),
    // Data outlives its service (bin/down, berth:off): it is nobody's rubbish.
    ...volumes
      .filter(({ Name, Labels }) => !known.has(Name) && Labels?.["berth.keep"] !== "data")
      .map(({ Name }) => stranger("volume", Name, Name, ["volume", "rm"])),
  ];
}

/**
 * What this checkout's program would make of the stack, in one line: that is no difference of the engine's.
 * @param steps What a preview announces. @returns undefined where it would change nothing
 */
export function ahead(stack: string, steps: readonly PreviewStep[]): string | undefined {
  const real = steps.filter(isReal);
  const counts = CHANGES.map((op) => [op, real.filter((step) => step.op === op).length] as const);
  const said = counts.filter(([, count]) => count > 0).map(([op, count]) => `${count} to ${op}`);
  return said.length === 0
    ? undefined
    : `this checkout is not what stack ${stack} runs (${said.join(", ")}): bin/preview ${stack} shows it, bin/up ${stack} brings it`;
}
