/**
 * The keys that every stack file may have, with type, default, meaning and example, and what other keys are made of.
 * A system, its parts and its stores bring keys of their own (config/shape.ts). Imports zod only: the JSON schema of
 * the stack files, the documentation and the error messages are all made from the leaves.
 */
import { z } from "zod";

/** What a leaf says about itself in errors, in the schema and in the docs. */
export interface LeafMeta {
  readonly description: string;
  /** What is allowed, in words. */
  readonly allowed: string;
  /** A value that is allowed. */
  readonly example: unknown;
  /** It brings test data, which prod takes none of. @default false */
  readonly testData?: true;
}

export const leaf = <T extends z.ZodType>(type: T, meta: LeafMeta): T => type.meta({ ...meta });

/** What a leaf says about itself, seen through `.optional()` and `.default()`. */
export function metaOf(schema: z.core.$ZodType): LeafMeta | undefined {
  const meta = z.globalRegistry.get(schema) as LeafMeta | undefined;
  if (meta?.allowed) return meta;
  return schema instanceof z.ZodOptional || schema instanceof z.ZodDefault ? metaOf(schema.unwrap()) : undefined;
}

/** Sizes in MiB. `GB` and `MB` are refused: they mean two things. */
const MEMORY = /^([1-9]\d{0,6})(MiB|GiB)$/;
export const memory = z.string().regex(MEMORY);

/** @returns MiB */
export function mebibytes(size: string): number {
  const [, digits, unit] = MEMORY.exec(size)!;
  return Number(digits) * (unit === "GiB" ? 1024 : 1);
}

/** The engine refuses less. */
const LEAST = 6;
const limit = memory.refine((size) => !MEMORY.test(size) || mebibytes(size) >= LEAST);
const LIMIT = `a whole number with MiB or GiB, from ${LEAST}MiB`;

/**
 * Quarters of a core. The docker provider writes `cpus` into its state with two
 * significant digits, so that other fractions, and 10, 20 …, would be replaced at every `up`.
 */
const cpus = z
  .number()
  .min(0.25)
  .max(64)
  .refine((n) => (n * 4) % 1 === 0 && n % 10 !== 0);
const CPUS = "quarters of a core from 0.25 to 64, but not 10, 20 … (the provider cannot store those)";

const variable = z.string().regex(/^[A-Za-z_]\w*$/);
/** What an engine takes for an image's name: lower case; a tag that does not move, a digest, or both. */
const reference = z
  .string()
  .regex(
    /^(?:[A-Za-z0-9.-]+(?::\d{1,5})?\/)?[a-z0-9]+(?:(?:[._]|__|-+|\/)[a-z0-9]+)*(?::(?!latest$)\w[\w.-]{0,127}(?:@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})$/,
  );
const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;
/** Whether a host could be: what stands in a URL need not be a name in DNS. */
function couldBe(text: string): boolean {
  const { hostname = "", port } = URL.parse(text) ?? {};
  const labels = hostname.replace(/\.$/, "").split(".");
  return (
    port !== "0" && (hostname.startsWith("[") || (hostname.length < 254 && labels.every((one) => LABEL.test(one))))
  );
}
/** Whoever is asked there is asked at its root, and what is in a URL is no secret. */
export const origin = z
  .url({ protocol: /^https?$/ })
  .regex(/^https?:\/\/[^/?#@\s\\]+\/?$/i)
  .refine(couldBe);
/** It means the container itself to whoever is in one. */
export const LOCAL = /^https?:\/\/(?:localhost|[\w.-]+\.localhost|127\.[\d.]+|0\.0\.0\.0|\[::1?\])\.?(?=[:/]|$)/i;
export const elsewhere = origin.refine((text) => !LOCAL.test(text));
/**
 * The smallest leaves each of eight networks 126 addresses. Of some no machine has any: those of this network, of the
 * machine itself, and those of many at once.
 */
const subnet = z
  .cidrv4()
  .refine((text) => /\/(?:[89]|1\d|2[0-2])$/.test(text) && !/^(?:0|127|22[4-9]|2[3-5]\d)\./.test(text));
const serviceName = z.string().regex(/^[a-z][a-z0-9-]*$/);
const port = z.number().int().min(1).max(65535);
/** Ten years: Prometheus counts in billionths of a second, and ends at 292. */
const LONGEST = 87_660;
export const retention = z
  .string()
  .refine(
    (text) =>
      /^[1-9]\d{0,5}[hdw]$/.test(text) &&
      Number.parseInt(text) * { h: 1, d: 24, w: 168 }[text.at(-1) as "h" | "d" | "w"] <= LONGEST,
  );
/** A host that no engine takes for a user's name on Docker Hub (a dot, a port or localhost), then a path. */
const registry = z
  .string()
  .regex(/^(?=localhost(?:[:/]|$)|[^/]*[.:])[a-z0-9][a-z0-9.-]*(?::\d{1,5})?(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$/);

/** Never the root: whatever is mounted there would become the database's. */
export const folder = z.string().regex(/^(?:\/(?!\.\.?(?:\/|$))[\w.-]+)+$/);

/** At most a year. */
export const interval = z.string().refine((text) => /^[1-9]\d{0,5}[mhd]$/.test(text) && seconds(text) <= 366 * 86_400);

/** @returns seconds of an interval such as `6h` */
export const seconds = (text: string): number =>
  Number(text.slice(0, -1)) * { m: 60, h: 3600, d: 86_400 }[text.at(-1) as "m" | "h" | "d"];

/** An address that containers reach too; what is in their environment is no secret. */
const proxy = z.strictObject({
  url: leaf(elsewhere, {
    description: "Address of the proxy.",
    allowed: "an http or https URL of a host that containers reach (not localhost), without a password",
    example: "http://proxy.example.org:3128",
  }),
  none: leaf(z.array(z.string().regex(/^[\w.:*/-]+$/)).default([]), {
    description: "Hosts, domains and networks that are reached without it, besides the stack's own services.",
    allowed: "a list of names, .domains and networks",
    example: [".example.org"],
  }),
});
const certificates = z.string().regex(/^(?:\s*-----BEGIN CERTIFICATE-----[\w+/=\s]+-----END CERTIFICATE-----)+\s*$/);

const service = z.strictObject({
  replicas: leaf(z.number().int().min(1).max(20), {
    description: "How many containers of a stateless service run behind the edge.",
    allowed: "a whole number from 1 to 20 (to switch a service off, name it in berth:off)",
    example: 2,
  }).optional(),
  memory: leaf(limit, { description: "Memory limit of each container.", allowed: LIMIT, example: "512MiB" }).optional(),
  cpus: leaf(cpus, { description: "CPU limit of each container, in cores.", allowed: CPUS, example: 0.5 }).optional(),
  reserveMemory: leaf(limit, {
    description: "Memory that the engine tries to keep for each container.",
    allowed: `${LIMIT}, at most the limit`,
    example: "256MiB",
  }).optional(),
  reserveCpus: leaf(cpus, {
    description: "CPU weight of each container, in cores; a weight, not a guarantee.",
    allowed: CPUS,
    example: 0.25,
  }).optional(),
  waitTimeout: leaf(z.number().int().min(20).max(86_400), {
    description:
      "Seconds that a new container may take to get healthy, and a job to do its work; one that takes longer is ended. Default: berth:waitTimeout.",
    allowed: "a whole number from 20 to 86400",
    example: 600,
  }).optional(),
  environment: leaf(z.record(variable, z.union([z.string(), z.number(), z.boolean()])), {
    description: "Further environment variables, none of them secret.",
    allowed:
      "names of letters, digits and _ with text; with a number or true/false where that is what the variable takes",
    example: { RATE_LIMIT_PER_MINUTE: 600 },
  }).optional(),
});

/** What every stack has. */
export const commonSettings = {
  environment: leaf(z.enum(["dev", "stage", "prod"]), {
    description: "What this stack is for: it selects which settings are forbidden. All else that differs is set below.",
    allowed: "dev, stage or prod",
    example: "dev",
  }),
  system: leaf(z.string(), {
    description: "Which system of the catalogue the stack runs.",
    allowed: "a folder of systems/",
    example: "assistant",
  }),
  ports: leaf(z.record(serviceName, port).default({}), {
    description: "Host port of each published endpoint. What is not named is not published.",
    allowed: "endpoint names with a port from 1 to 65535",
    example: { edge: 8000, prometheus: 9090 },
  }),
  portOffset: leaf(z.number().int().min(0).max(50000).default(0), {
    description: "Added to every host port, to run several stacks on one engine.",
    allowed: "a whole number from 0 to 50000",
    example: 100,
  }),
  bindAddress: leaf(z.ipv4().default("127.0.0.1"), {
    description: "Host address the edge listens on. Everything else published stays on 127.0.0.1.",
    allowed: "an IPv4 address",
    example: "0.0.0.0",
  }),
  subnet: leaf(subnet.optional(), {
    description:
      "Private network that the stack's networks share; each gets an eighth. To be named before the first up: a change replaces every container. Default: what the engine has left.",
    allowed: "an IPv4 network in CIDR notation from /8 to /22, of addresses that machines may have",
    example: "10.200.0.0/20",
  }),
  proxy: leaf(proxy.optional(), {
    description:
      "Proxy through which images are built, and through which services call others outside. The engine, which pulls, has its own. Default: none.",
    allowed: "url (http or https, no password) and none (hosts that are reached without it)",
    example: { url: "http://proxy.example.org:3128", none: [".example.org"] },
  }),
  caCertificates: leaf(certificates.optional(), {
    description:
      "Certificates of authorities that builds and services trust besides those that everybody knows: a company's own, or its proxy's. Default: none.",
    allowed: "PEM of certificates, one after another: pulumi config set berth:caCertificates < ca.pem",
    example: "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
  }),
  publicUrl: leaf(origin.optional(), {
    description: "What users type. Default: made from bindAddress and the edge's port.",
    allowed: "an http or https URL of a host, with or without a port; no path, no password",
    example: "https://assistant.example.org",
  }),
  replicas: leaf(z.number().int().min(1).max(20).default(1), {
    description: "How many containers each stateless application runs; berth:services.<name>.replicas overrides it.",
    allowed: "a whole number from 1 to 20",
    example: 2,
  }),
  services: leaf(z.record(serviceName, service).default({}), {
    description:
      "Per service: replicas, memory, cpus, reservations, waitTimeout, environment. Default: the catalogue's.",
    allowed: "service names of the system",
    example: { api: { replicas: 2, memory: "512MiB" } },
  }),
  off: leaf(z.array(serviceName).default([]), {
    description: "Services that this stack does not run.",
    allowed: "a list of optional services",
    example: ["grafana"],
  }),
  baseImages: leaf(z.record(z.string(), reference).default({}), {
    description: "Replaces an image that the system pulls: a mirror, another version, a digest.",
    allowed:
      "names of the system's base images with an image in lower case that has a tag or digest, never latest alone",
    example: { postgres: "pgvector/pgvector:pg17-trixie" },
  }),
  registry: leaf(registry.optional(), {
    description:
      "Where images are pushed, as <registry>/<system>-<image>:<version>-<commit of its folder>; containers run their digests. Default: images stay on the engine.",
    allowed: "a host with a dot or a port, then a path in lower case; no scheme, no tag",
    example: "registry.example.org/team",
  }),
  images: leaf(z.record(serviceName, z.string().regex(/^(?:[^\s@]+@)?sha256:[0-9a-f]{64}$/)).default({}), {
    description: "Runs an image that exists instead of building it; bin/promote and bin/rollback write it.",
    allowed: "names of the system's images with a local id or a digest",
    example: { edge: `sha256:${"0".repeat(64)}` },
  }),
  platform: leaf(z.enum(["linux/amd64", "linux/arm64"]).optional(), {
    description:
      "What the images are built for; the machine that runs Pulumi does not matter. Default: what the engine's machine is.",
    allowed: "linux/amd64 or linux/arm64",
    example: "linux/amd64",
  }),
  imageTarget: leaf(z.enum(["development", "runtime"]).default("runtime"), {
    description: "Which stage of the Dockerfiles the containers run.",
    allowed: "development or runtime",
    example: "runtime",
  }),
  sourceMounts: leaf(z.boolean().default(false), {
    description:
      "Mounts the source of this checkout into the containers and reloads on change. Needs imageTarget development.",
    allowed: "true or false",
    example: true,
  }),
  debug: leaf(z.boolean().default(false), {
    description: "Debug mode of the applications.",
    allowed: "true or false",
    example: false,
  }),
  logLevel: leaf(z.enum(["DEBUG", "INFO", "WARNING", "ERROR"]).default("INFO"), {
    description: "Least severe message the applications write.",
    allowed: "DEBUG, INFO, WARNING or ERROR",
    example: "INFO",
  }),
  waitTimeout: leaf(z.number().int().min(20).max(900).default(120), {
    description:
      "Seconds that a new container may take to get healthy. Half of it is what requests in flight get when routes change.",
    allowed: "a whole number from 20 to 900",
    example: 120,
  }),
  settle: leaf(z.number().int().min(0).max(300).default(15), {
    description:
      "Seconds for which new containers must answer before the routes move to them. One that dies meanwhile fails the update.",
    allowed: "a whole number from 0 to 300",
    example: 15,
  }),
  protectData: leaf(z.boolean().default(true), {
    description: "Refuses to delete data volumes. Without it they are kept on `down`, but can be replaced.",
    allowed: "true or false",
    example: true,
  }),
  restart: leaf(z.enum(["unless-stopped", "always"]).default("always"), {
    description: "Restart policy of every container.",
    allowed: "unless-stopped or always",
    example: "always",
  }),
  host: leaf(z.strictObject({ cpus: z.number().positive(), memory }).optional(), {
    description: "Size of the engine's machine, which no limit may exceed. Default: what the engine says of it.",
    allowed: "cpus (cores) and memory (MiB or GiB)",
    example: { cpus: 4, memory: "16GiB" },
  }),
  secretVersions: leaf(z.record(z.string(), z.number().int().min(1)).default({}), {
    description: "Raising a generated secret's version makes a new one; bin/rotate does it.",
    allowed: "names of generated secrets with a whole number from 1",
    example: { postgresPassword: 2 },
  }),
} satisfies z.ZodRawShape;

/** What a stack file says, with defaults: what every stack has, and the keys of `Own`. */
export type Settings<Own extends z.ZodRawShape = Readonly<Record<never, never>>> = z.output<
  z.ZodObject<typeof commonSettings & Own>
>;
export type ServiceSettings = z.output<typeof service>;
