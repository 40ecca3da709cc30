/** What a catalogue says (Spec) and what a plan makes of it (Planned). Plain data: nothing here touches an engine. */
import type { Engine, Machine } from "../config/engine.ts";
import type { Problem } from "../config/problems.ts";
import type { Settings } from "../config/schema.ts";
import type { SecretKey, SecretLeaves } from "../config/secrets.ts";
import type { Shape } from "../config/shape.ts";

export type Tier = "data" | "app" | "edge" | "monitoring";

/** Networks of a stack. Only `edge` and `egress` reach beyond the engine. */
export type NetworkName = "edge" | "app" | "data" | "monitoring" | "egress";

/**
 * stateless: N containers, new ones healthy before old ones stop.
 * stateful:  one container, the old one stops before the new one starts, because both would write the same volume.
 * job:       runs once per change; what comes after it waits for its success.
 */
export type Kind = "stateless" | "stateful" | "job";

/**
 * Text that may hold values known only later: `@{postgresPassword}` is a secret's value,
 * `@{postgresPassword|uri}` the same percent-encoded, `@{postgresPassword|sha256}` its hash in hex,
 * `@{jwtSigningKey|previous}` the values it had before, a line each, where they are still known,
 * `@{postgresPassword|version}` a short name that changes whenever the secret does: of a login that a job of the
 * data tier makes, which reads the secret and comes before every other service that names it.
 * `@{containers:api}` lists the names of a service's containers, separated by spaces; that service must come before.
 */
export type Template = string;

/** Images built from this checkout, each from a folder of its own. */
export interface ImageSpec {
  /** Build context, relative to the project. */
  readonly context: string;
  /**
   * Dockerfile, relative to the project. One beside other files that its images are made of has a folder of its own:
   * whatever changes there is a change of theirs. @default the one in the context
   */
  readonly dockerfile?: string;
  /** Stage to build. */
  readonly target: string;
  readonly args: Readonly<Record<string, string>>;
  /** Id or digest of an image that is run instead of building one. */
  readonly existing?: string;
}

export type ImageRef = { readonly build: string } | { readonly pull: string };

export type VariableKind = "text" | "number" | "flag";

/** Durations in seconds, memory in MiB, cpus in cores. */
export interface HealthCheck {
  readonly test: readonly string[];
  readonly interval: number;
  readonly timeout: number;
  readonly retries: number;
  readonly startPeriod: number;
  /** Whether the image has a shell. @default true */
  readonly shell?: boolean;
}

export interface Limits {
  readonly memory: number;
  /** Memory without which it does not start, or does not live. @default a quarter of what the catalogue proposes */
  readonly least?: number;
  readonly cpus: number;
  readonly reserveMemory?: number;
  readonly reserveCpus?: number;
}

export interface VolumeMount {
  /** Name inside the stack. Mounts of the same name in two services share the volume. */
  readonly name: string;
  readonly path: string;
  readonly readOnly?: boolean;
  /** What is lost with it. `data` is kept at `down`, and protected where the stack says so. */
  readonly keep?: "data" | "scratch";
  /**
   * Folder of the engine's machine that holds it. Counts when the volume is made; one that exists
   * stays what it is. @default the engine's own
   */
  readonly device?: string;
}

/** How the edge reaches a service. */
export interface Route {
  /** URL path prefix on the public listener. Absent: not public. */
  readonly public?: string;
  /** Port of the edge's internal listener, for calls between services (`http://edge:<port>`). */
  readonly internal?: number;
  /** Path that must be answered through the edge (not 404, not 5xx) before a release goes live. */
  readonly check: string;
  /** Path that a living container answers with 2xx; one that does not, leaves the routes. @default /health */
  readonly probe?: string;
  /** Longest time between two bytes of an answer, in seconds. @default 60 */
  readonly readTimeout?: number;
  /** Port of the container that it leads to. @default the service's */
  readonly port?: number;
  /** Takes the public path off before the service sees it: `/mcp/tools` arrives as `/tools`. @default false */
  readonly strip?: boolean;
  /** Largest body of a request, in MiB. @default 10 */
  readonly bodyLimit?: number;
  /** For how many seconds browsers may keep an answer. @default what the service says */
  readonly cache?: number;
  /**
   * Its port takes WebSockets, and nothing else: a release does not wait for them, and their service ends them when it
   * stops. @default false
   */
  readonly websocket?: true;
  /** Whose pages may show it in a frame. @default nobody's */
  readonly frames?: "nobody" | "same origin" | "everybody";
}

/**
 * How the one container of a stateful service is tried beside the one that it would replace
 * (docs/decisions/0019-rehearsals.md): without a network, with empty volumes of its own where it writes.
 */
export interface Rehearsal {
  /** Instead of the service's own; has to end with 0. @default the service's own, until its health check succeeds */
  readonly command?: readonly string[];
  /** Laid over the environment, and put behind the command: what it writes goes with it, and need not reach a disk. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly options?: readonly string[];
  /**
   * What the one that runs says, as text, and what asks the new one, which has it on its standard input, whether it can
   * go on from there; its standard error says why not. @default nobody is asked
   */
  readonly follows?: { readonly tells: readonly string[]; readonly takes: readonly string[] };
}

export interface ServiceSpec {
  readonly name: string;
  readonly tier: Tier;
  readonly kind: Kind;
  /** May be switched off in `berth:off`. @default false */
  readonly optional?: boolean;
  readonly image: ImageRef;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  /** Numeric uid. Its files belong to root:root with mode 0440, and so it is always in the group 0. */
  readonly uid: number;
  /** Group of its processes; 0 is then one of theirs besides. @default 0 */
  readonly gid?: number;
  /** Non-secret values only; a secret's place is `secrets`. */
  readonly environment?: Readonly<Record<string, string | number | boolean>>;
  /**
   * All variables that its processes read, with what they take: a name that is nearly one of these is a mistake.
   * @default those of its environment, with what their values here are; any other may be read
   */
  readonly variables?: Readonly<Record<string, VariableKind>>;
  /**
   * Files under /etc/berth, made at deployment and mounted read-only; their text decides when the container is
   * replaced. @default none
   */
  readonly config?: Readonly<Record<string, Template>>;
  /** The same under /etc/berth/secrets. @default none */
  readonly secrets?: Readonly<Record<string, Template>>;
  /**
   * Service that comes before, of the same user, whose files it reads instead of any of its own: what one of them may
   * see, both see, and what changes there replaces both. @default it has its own
   */
  readonly sharesFilesOf?: string;
  readonly volumes?: readonly VolumeMount[];
  /** Writable paths in memory, with their options. @default /tmp, 64 MiB */
  readonly tmpfs?: Readonly<Record<string, string>>;
  /**
   * Folders of the engine's machine, read-only: for collectors of logs and metrics
   * only, each exempt in policy/exemptions.ts.
   */
  readonly hostMounts?: Readonly<Record<string, string>>;
  /** Source folders of the checkout mounted in development: path in the project → path in the container. */
  readonly sources?: Readonly<Record<string, string>>;
  readonly networks: readonly NetworkName[];
  /** Port the service listens on: what the edge and Prometheus use. */
  readonly port?: number;
  /** Endpoint name (key of `berth:ports`) → container port. Published only where the stack names the endpoint. */
  readonly publish?: Readonly<Record<string, number>>;
  /** How it is reached, where there is one way. */
  readonly route?: Route;
  /** Further ways, such as another protocol on another port. A port has one probe. @default none */
  readonly routes?: readonly Route[];
  /**
   * Path of Prometheus metrics, with its port where it is not `port`. `honorLabels`:
   * they tell of other services, and name them.
   */
  readonly metrics?: { readonly path?: string; readonly port?: number; readonly honorLabels?: boolean };
  readonly health: HealthCheck;
  /** Of a stateful service. @default its own command, until it is healthy */
  readonly rehearsal?: Rehearsal;
  readonly limits: Limits;
  /** @default 1 */
  readonly replicas?: number;
  /** Names of the stores that it needs: how it reaches them, and what it waits for, follows (systems/uses.ts). */
  readonly uses?: readonly string[];
  /**
   * Most connections to a store that a container opens: as many as this variable of its environment says, and some
   * besides. Counted by stores that it uses and that take so many and no more.
   * @default what the store proposes to a service that is no job
   */
  readonly connections?: { readonly variable: string; readonly besides: number };
  /** Services that must be healthy first. */
  readonly after?: readonly string[];
  /**
   * Services that nothing can ask: for so many seconds their containers must stay healthy, and be started no second
   * time, before this one starts (components/steady.ts). It comes after them. @default none
   */
  readonly watches?: { readonly services: readonly string[]; readonly seconds: number };
  /**
   * Secret whose former logins the job drops. It comes after every service whose files name the login
   * of today (`@{postgresPassword|version}`), wherever that stands in the catalogue.
   */
  readonly prunes?: SecretKey;
  /**
   * The job that lets users reach the release. It comes after every service that does not wait for it, monitoring
   * included, wherever those stand in the catalogue. @default false
   */
  readonly goesLive?: boolean;
  /** Seconds a container may take to finish its work when it is stopped. @default 30 */
  readonly stopGrace?: number;
  /** Seconds to wait for health beyond the stack's `berth:waitTimeout`. @default 0 */
  readonly waitTimeout?: number;
  readonly capabilities?: readonly string[];
  readonly sharedMemory?: number;
}

/** What a plan asks of a store, with what the stack file says of it. */
export interface StoreFacts {
  /** Its service, its image (`berth:baseImages`), its key in `berth:majors`. */
  readonly name: string;
  /** Major version that its data is of: only an image of that one can read it. */
  readonly major: number;
  /** Of its URLs. */
  readonly scheme: string;
  /** @default as many as come */
  readonly connections?: ConnectionLimit;
  /** Folder of the engine's machine that holds its data, by the key that names it. @default no key does */
  readonly device?: { readonly key: string; readonly folder: string | undefined };
}

/** How many connections a store takes. */
export interface ConnectionLimit {
  readonly most: number;
  /** Key of the stack file that says so. */
  readonly key: string;
  /** Kept for what is no application. */
  readonly spare: number;
  /** What helps besides, in words. */
  readonly otherwise: string;
}

/**
 * How a database is asked which version its schema is of: a command in a container
 * of a service, once the other has made it.
 */
export interface SchemaVersion {
  readonly service: string;
  readonly madeBy: string;
  readonly command: readonly string[];
}

export interface System {
  readonly name: string;
  /** Name of the database. @default it has none */
  readonly database?: string;
  /** @default none */
  readonly stores?: readonly StoreFacts[];
  readonly images: Readonly<Record<string, ImageSpec>>;
  /** Names of images that `berth:baseImages` can replace. */
  readonly baseImages: readonly string[];
  readonly services: readonly ServiceSpec[];
  /** What a person logs in with, by service: shown by `pulumi stack output credentials --show-secrets`. */
  readonly credentials: Readonly<Record<string, Template>>;
  /** @default the system has no migrations */
  readonly schemaVersion?: SchemaVersion;
}

export interface PublishedPort {
  readonly endpoint: string;
  readonly internal: number;
  readonly external: number;
  readonly ip: string;
}

/** A service with everything decided. */
export interface PlannedService extends Omit<
  ServiceSpec,
  "limits" | "publish" | "replicas" | "after" | "sources" | "environment" | "stopGrace" | "waitTimeout"
> {
  readonly environment: readonly string[];
  readonly limits: Limits;
  readonly ports: readonly PublishedPort[];
  readonly replicas: number;
  readonly after: readonly string[];
  readonly stopGrace: number;
  readonly waitTimeout: number;
  readonly sources: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

export interface Plan {
  readonly stack: string;
  readonly environment: string;
  readonly system: string;
  readonly database?: string;
  readonly platform: string;
  /** Where images are pushed; absent: they stay on the engine. */
  readonly registry?: string;
  readonly restart: string;
  readonly protectData: boolean;
  readonly images: Readonly<Record<string, ImageSpec>>;
  /** Arguments of every build, besides its own. */
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly networks: readonly NetworkName[];
  /** Network (CIDR) that these share. @default what the engine has left */
  readonly subnet?: string;
  /** In start order. */
  readonly services: readonly PlannedService[];
  /**
   * Whether an image is built when the one before it is there, and containers are made when all are. With the
   * containerd image store the engine's list of images fails while a build takes the name of a former image, and the
   * provider asks for that list after each build, and for each container.
   */
  readonly buildsInTurn: boolean;
  /** How many containers of applications start at a time: as many as the engine's machine has cores. */
  readonly startsAtOnce: number;
  /** Switched off: not declared at all. */
  readonly off: readonly string[];
  /** Endpoint → URL. */
  readonly urls: Readonly<Record<string, string>>;
  readonly publicUrl: string;
  /** Only those of services that run. */
  readonly credentials: Readonly<Record<string, Template>>;
  readonly schemaVersion?: SchemaVersion;
  /** Secrets that some file holds. */
  readonly secretKeys: readonly SecretKey[];
  /** What each of them is. */
  readonly secretLeaves: SecretLeaves;
  /** Those of them whose version some file names. */
  readonly versionedSecrets: readonly SecretKey[];
  readonly notices: readonly Notice[];
}

/**
 * Something to know that stops nothing. `info` is for who looks at what would
 * change, and is not repeated when it is done.
 */
export interface Notice extends Problem {
  readonly level: "warning" | "info";
}

/** Another stack of this checkout, on the same engine. */
export interface Neighbour {
  readonly stack: string;
  /** Its `berth:system`; undefined where its file does not say. */
  readonly system: string | undefined;
  /** Whether it has containers. A stack that nobody runs stops nobody. */
  readonly runs: boolean;
  /** Host ports that it has, or would have. */
  readonly ports: ReadonlySet<number>;
}

/** What a plan needs to know besides the settings. */
export interface Context {
  readonly stack: string;
  readonly settings: Settings;
  /** Every key that the stack file may have. */
  readonly shape: Shape;
  /** What limits go by, and what images are built for: the engine's machine. */
  readonly host: Machine;
  /** What the engine says of itself. @default nothing: it was not asked, or did not answer */
  readonly engine?: Engine | undefined;
  /** Names to switch off; those that no optional service has are passed over. */
  readonly off: ReadonlySet<string>;
  /** Secrets that the stack file holds. */
  readonly configured: ReadonlySet<SecretKey>;
  /** @default none */
  readonly neighbours?: readonly Neighbour[];
  /** Whether everybody knows the passphrase that the stack file's secrets are encrypted with. @default false */
  readonly publicPassphrase?: boolean;
}

/** What a catalogue may ask. */
export interface CatalogueArgs {
  readonly stack: string;
  readonly settings: Settings;
  readonly publicUrl: string;
  readonly has: (secret: SecretKey) => boolean;
  readonly isOn: (service: string) => boolean;
}

export type Catalogue = (args: CatalogueArgs) => System;
