/**
 * Every key of a stack file, with its type, default, meaning and an example.
 * Imports zod only: the JSON schema of the stack files, the documentation and
 * the error messages are all made from what stands here.
 */
import { z } from "zod";

/** What a leaf says about itself in errors, in the schema and in the docs. */
export interface LeafMeta {
  readonly description: string;
  /** What is allowed, in words. */
  readonly allowed: string;
  /** A value that is allowed. */
  readonly example: unknown;
}

const leaf = <T extends z.ZodType>(type: T, meta: LeafMeta): T => type.meta({ ...meta });

/** Sizes in MiB. `GB` and `MB` are refused: they mean two things. */
const MEMORY = /^(\d+)(MiB|GiB)$/;
export const memory = z.string().regex(MEMORY);

/** @returns MiB */
export function mebibytes(size: string): number {
  const [, digits, unit] = MEMORY.exec(size)!;
  return Number(digits) * (unit === "GiB" ? 1024 : 1);
}

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

const serviceName = z.string().regex(/^[a-z][a-z0-9-]*$/);
const port = z.number().int().min(1).max(65535);
const retention = z.string().regex(/^[1-9]\d*[hdw]$/);
/** A host that no engine takes for a user's name on Docker Hub (a dot, a port or localhost), then a path. */
const registry = z
  .string()
  .regex(/^(?=localhost(?:[:/]|$)|[^/]*[.:])[a-z0-9][a-z0-9.-]*(?::\d{1,5})?(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$/);

/** Never the root: whatever is mounted there would become the database's. */
const folder = z.string().regex(/^(?:\/(?!\.\.?(?:\/|$))[\w.-]+)+$/);

/**
 * The defaults stay what they are when systems/images.ts moves on: a stack file that says nothing has data of these.
 */
const major = z.number().int().min(1).max(99);

const postgres = z.strictObject({
  maxConnections: leaf(z.number().int().min(20).max(2000), {
    description: "Connections that PostgreSQL accepts; the pools of all replicas must fit.",
    allowed: "a whole number from 20 to 2000",
    example: 200,
  }).default(200),
  poolSize: leaf(z.number().int().min(1).max(100), {
    description:
      "Connections that each application container may hold; one of them may have its own, DB_POOL_SIZE in its environment.",
    allowed: "a whole number from 1 to 100",
    example: 5,
  }).default(5),
  statementTimeout: leaf(z.number().int().min(1).max(600), {
    description: "Seconds after which a statement of an application is ended. Migrations are not.",
    allowed: "a whole number from 1 to 600",
    example: 10,
  }).default(10),
  device: leaf(folder, {
    description: "Folder of the engine's machine that holds the data, on an encrypted file system.",
    allowed: "an absolute path of letters, digits, . _ and -",
    example: "/mnt/encrypted/postgres",
  }).optional(),
});

const interval = z.string().regex(/^[1-9]\d{0,4}[mhd]$/);

/** @returns seconds of an interval such as `6h` */
export const seconds = (text: string): number =>
  Number(text.slice(0, -1)) * { m: 60, h: 3600, d: 86_400 }[text.at(-1) as "m" | "h" | "d"];

const backup = z
  .strictObject({
    every: leaf(interval, {
      description: "Time from one backup to the next.",
      allowed: "a whole number with m, h or d",
      example: "6h",
    }).default("6h"),
    keep: leaf(z.number().int().min(1).max(1000), {
      description: "How many verified backups are kept; older ones are removed.",
      allowed: "a whole number from 1 to 1000",
      example: 14,
    }).default(14),
    device: leaf(folder, {
      description:
        "Folder of the engine's machine that holds the backups, best on another disk than the database's. Default: a volume of the engine.",
      allowed: "an absolute path of letters, digits, . _ and -",
      example: "/mnt/backup/berth",
    }).optional(),
    s3: leaf(
      z.strictObject({
        endpoint: leaf(z.url({ protocol: /^https?$/ }), {
          description: "Address of the store. Default: Amazon's, by the region.",
          allowed: "an http or https URL",
          example: "https://s3.example.org",
        }).optional(),
        bucket: leaf(z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/), {
          description: "A bucket that exists.",
          allowed: "3 to 63 lower-case letters, digits, dots and hyphens",
          example: "berth-backups",
        }),
        region: leaf(z.string().regex(/^[a-z0-9-]+$/), {
          description: "Region of the bucket.",
          allowed: "lower-case letters, digits and hyphens",
          example: "eu-central-1",
        }).optional(),
        prefix: leaf(z.string().regex(/^[\w.-]+(?:\/[\w.-]+)*$/), {
          description: "Folder in the bucket. Default: <system>-<stack>.",
          allowed: "names with a slash between them",
          example: "berth/prod",
        }).optional(),
      }),
      {
        description:
          "Keeps the backups in a bucket instead of a volume. Needs berth:backupS3AccessKey and berth:backupS3SecretKey.",
        allowed: "bucket, endpoint, region and prefix",
        example: { endpoint: "https://s3.example.org", bucket: "berth-backups" },
      },
    ).optional(),
  })
  .refine(({ device, s3 }) => device === undefined || s3 === undefined);

const service = z.strictObject({
  replicas: leaf(z.number().int().min(1).max(20), {
    description: "How many containers of a stateless service run behind the edge.",
    allowed: "a whole number from 1 to 20 (to switch a service off, name it in berth:off)",
    example: 2,
  }).optional(),
  memory: leaf(memory, {
    description: "Memory limit of each container.",
    allowed: "a whole number with MiB or GiB",
    example: "512MiB",
  }).optional(),
  cpus: leaf(cpus, { description: "CPU limit of each container, in cores.", allowed: CPUS, example: 0.5 }).optional(),
  reserveMemory: leaf(memory, {
    description: "Memory that the engine tries to keep for each container.",
    allowed: "a whole number with MiB or GiB, at most the limit",
    example: "256MiB",
  }).optional(),
  reserveCpus: leaf(cpus, {
    description: "CPU weight of each container, in cores; a weight, not a guarantee.",
    allowed: CPUS,
    example: 0.25,
  }).optional(),
  environment: leaf(z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])), {
    description: "Further environment variables, none of them secret.",
    allowed: "names with text, number or true/false",
    example: { RATE_LIMIT_PER_MINUTE: 600 },
  }).optional(),
});

export const settingsSchema = z.strictObject({
  environment: leaf(z.enum(["dev", "stage", "prod"]), {
    description:
      "What this stack is for. Names nothing and decides nothing else: all that differs stands in the stack file.",
    allowed: "dev, stage or prod",
    example: "dev",
  }),
  system: leaf(z.enum(["assistant"]).default("assistant"), {
    description: "Which system of the catalogue the stack runs.",
    allowed: "assistant",
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
  publicUrl: leaf(z.url({ protocol: /^https?$/ }).optional(), {
    description: "What users type. Default: made from bindAddress and the edge's port.",
    allowed: "an http or https URL",
    example: "https://assistant.example.org",
  }),
  replicas: leaf(z.number().int().min(1).max(20).default(1), {
    description: "How many containers each stateless application runs; berth:services.<name>.replicas overrides it.",
    allowed: "a whole number from 1 to 20",
    example: 2,
  }),
  services: leaf(z.record(serviceName, service).default({}), {
    description: "Per service: replicas, memory, cpus, reservations, environment. Default: the catalogue's.",
    allowed: "service names of the system",
    example: { api: { replicas: 2, memory: "512MiB" } },
  }),
  off: leaf(z.array(serviceName).default([]), {
    description: "Services that this stack does not run.",
    allowed: "a list of optional services",
    example: ["grafana"],
  }),
  baseImages: leaf(z.record(z.string(), z.string().regex(/^[^\s]+:[^\s:]+$/)).default({}), {
    description: "Replaces an image named in systems/images.ts: a mirror, another version, a digest.",
    allowed: "names of systems/images.ts with an image that has a tag or digest, never latest",
    example: { postgres: "pgvector/pgvector:pg17" },
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
  platform: leaf(z.enum(["linux/amd64", "linux/arm64"]).default("linux/amd64"), {
    description: "What the images are built for; the machine that runs Pulumi does not matter.",
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
  database: leaf(
    z
      .string()
      .regex(/^[a-z][a-z0-9_]{0,50}$/)
      .optional(),
    {
      description: "Name of the database. Default: the system's prefix and the environment, such as pa_dev.",
      allowed: "lower-case letters, digits and _",
      example: "pa_dev",
    },
  ),
  postgres: leaf(postgres.default(postgres.parse({})), {
    description:
      "PostgreSQL: connections, pools, the longest statement, and where its data is encrypted. Memory is fitted to the service's limit.",
    allowed: "maxConnections, poolSize, statementTimeout (seconds) and device (a folder)",
    example: { maxConnections: 200, poolSize: 10, statementTimeout: 10, device: "/mnt/encrypted/postgres" },
  }),
  backup: leaf(backup.optional(), {
    description: "Backups: how often, how many, where. Default: none are made; {} makes them with the defaults.",
    allowed: "every (such as 6h), keep (a number), device (a folder) or s3 (endpoint, bucket, region, prefix)",
    example: { every: "6h", keep: 14 },
  }),
  majors: leaf(
    z.strictObject({ postgres: major.default(17), redis: major.default(8) }).default({ postgres: 17, redis: 8 }),
    {
      description:
        "Major versions that the data of PostgreSQL and Redis is of: an image of another is refused. What to do before it is changed: docs/operations.md#another-major-version.",
      allowed: "postgres and redis, each a whole number",
      example: { postgres: 17, redis: 8 },
    },
  ),
  schema: leaf(z.string().regex(/^\w+$/).optional(), {
    description:
      "Revision that the schema goes to, up or down, and stays at. Default: the newest that the release knows.",
    allowed: "a revision of the release, head or base",
    example: "0002",
  }),
  allowDestructiveMigrations: leaf(
    z
      .string()
      .regex(/^\w+(?:,\w+)*$/)
      .optional(),
    {
      description:
        "Revisions of the schema that may remove data, on the way up or down. Without it such a migration is refused, and the former release serves on.",
      allowed: "revisions with a comma between them",
      example: "0003",
    },
  ),
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
  seed: leaf(z.boolean().default(false), {
    description: "Loads test data after the migrations.",
    allowed: "true or false",
    example: false,
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
  retention: leaf(
    z
      .strictObject({
        metrics: retention.default("15d"),
        logs: retention.default("7d"),
        metricsSize: memory.default("4GiB"),
      })
      .default({ metrics: "15d", logs: "7d", metricsSize: "4GiB" }),
    {
      description: "How long metrics and logs are kept, and the most that metrics may take of the disk.",
      allowed: "metrics and logs, each a number with h, d or w; metricsSize with MiB or GiB",
      example: { metrics: "15d", logs: "7d", metricsSize: "4GiB" },
    },
  ),
  dockerRoot: leaf(folder.default("/var/lib/docker"), {
    description:
      "The engine's own folder, where the collector of log lines finds its files: `docker info -f '{{.DockerRootDir}}'` tells.",
    allowed: "an absolute path of letters, digits, . _ and -",
    example: "/var/lib/docker",
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
});

export type Settings = z.output<typeof settingsSchema>;
export type ServiceSettings = z.output<typeof service>;
