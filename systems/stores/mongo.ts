/**
 * MongoDB: one database, reached by users that are named by the version of their password; and FerretDB, which speaks
 * its protocol, under its own name (docs/decisions/0022-documents.md).
 */
import { z } from "zod";
import { folder, leaf } from "../../config/schema.ts";
import { mongoDrawings } from "../../monitoring/dashboards/mongo.ts";
import { FILES, secretPath } from "../../plan/files.ts";
import { healthCheck } from "../../plan/health.ts";
import { resolveLimits } from "../../plan/limits.ts";
import type { ImageSpec, ServiceSpec } from "../../plan/types.ts";
import type { Args } from "../part.ts";
import { makesBackups } from "../parts/backup.ts";
import { content } from "../parts/content.ts";
import { type Store, store } from "./store.ts";
import { pruneJob, exporterOf, loginJob, toolsImage } from "./tools.ts";

const own = z.strictObject({
  engine: leaf(z.enum(["mongodb", "ferretdb"]), {
    description:
      "What serves MongoDB's protocol: MongoDB itself, or FerretDB (Apache-2.0), which has no transactions, roles or TTL indexes. Each has a volume of its own; a backup brings data from one to the other.",
    allowed: "mongodb or ferretdb",
    example: "mongodb",
  }).default("mongodb"),
  database: leaf(
    z
      .string()
      .regex(/^(?!(?:admin|local|config|berth)$)[a-z][a-z0-9_]{0,37}$/)
      .optional(),
    {
      description: "Name of the database. Default: the system's prefix and the environment, such as sm_dev.",
      allowed: "at most 38 lower-case letters, digits and _; not admin, local, config or berth",
      example: "sm_dev",
    },
  ),
  poolSize: leaf(z.number().int().min(1).max(500), {
    description:
      "Connections that each process of an application may hold; one of them may have its own, MONGO_POOL_SIZE in its environment.",
    allowed: "a whole number from 1 to 500",
    example: 20,
  }).default(20),
  device: leaf(folder, {
    description: "Folder of the engine's machine that holds the data, on an encrypted file system.",
    allowed: "an absolute path of letters, digits, . _ and -",
    example: "/mnt/encrypted/mongo",
  }).optional(),
});

const settings = {
  mongo: leaf(own.default(own.parse({})), {
    description: "MongoDB: which engine, the database, pools, and where its data is encrypted.",
    allowed: "engine (mongodb or ferretdb), database, poolSize and device (a folder)",
    example: { engine: "mongodb", poolSize: 20, device: "/mnt/encrypted/mongo" },
  }),
} satisfies z.ZodRawShape;
type MongoArgs = Args<typeof settings>;

/** Uid of the user `mongodb` in the official image. */
const UID = 999;
/** Uid of the user in FerretDB's image. */
const FERRETDB_UID = 1000;
const USER = "app_@{mongoPassword|version}";
const LIMITS = { memory: 1024, cpus: 1 };
const EXPORTER = 9216;

const isFerret = ({ settings }: MongoArgs): boolean => settings.mongo.engine === "ferretdb";

/** GiB of its own cache: half of what the limit leaves beside one GiB, as MongoDB itself takes of a machine. */
const cache = (settings: MongoArgs["settings"]): number =>
  Math.max(0.25, (resolveLimits(LIMITS, settings.services["mongo"]).memory / 1024 - 1) / 2);

const server = (args: MongoArgs): ServiceSpec => ({
  name: "mongo",
  tier: "data",
  kind: "stateful",
  secrets: { "root-password": "@{mongoAdminPassword}" },
  networks: ["data"],
  port: 27017,
  publish: { mongo: 27017 },
  limits: LIMITS,
  stopGrace: 60,
  ...(isFerret(args) ? ferretdb(args) : mongodb(args)),
});

/** What the volume with the data says besides its name and its path. */
const kept = ({ device }: MongoArgs["settings"]["mongo"]) => ({
  keep: "data" as const,
  ...(device === undefined ? {} : { device }),
});

const mongodb = ({ settings, baseImage }: MongoArgs) => ({
  image: { pull: baseImage("mongo") },
  uid: UID,
  command: ["mongod", "--wiredTigerCacheSizeGB", String(cache(settings))],
  // The image makes the first user, and asks for passwords because there is one. Its shell writes into HOME.
  environment: {
    MONGO_INITDB_ROOT_USERNAME: "root",
    MONGO_INITDB_ROOT_PASSWORD_FILE: secretPath("root-password"),
    HOME: "/tmp",
  },
  volumes: [
    { name: "mongo-data", path: "/data/db", ...kept(settings.mongo) },
    // The image declares a volume at this path as well: it would get a nameless one there.
    { name: "mongo-config", path: "/data/configdb", keep: "scratch" as const },
  ],
  // The server that makes the first user listens on 127.0.0.1 alone: asking by the container's own name tells them
  // apart. Not by its address: with a network more, or with IPv6, it has several.
  health: healthCheck.shell(
    'mongosh --quiet --norc --host "$(hostname)" --eval "quit(db.runCommand({ ping: 1 }).ok ? 0 : 1)"',
    { interval: 15, timeout: 10, startPeriod: 60, retries: 5 },
  ),
});

const ferretdb = ({ settings }: MongoArgs) => ({
  image: { build: "ferretdb" },
  uid: FERRETDB_UID,
  command: ["sh", `${FILES}/ferretdb.sh`],
  config: { "ferretdb.sh": content("data/mongo/ferretdb.sh") },
  environment: {
    FERRETDB_HANDLER: "sqlite",
    FERRETDB_SQLITE_URL: "file:/state/data/",
    FERRETDB_STATE_DIR: "/state",
    FERRETDB_LISTEN_ADDR: ":27017",
    // Shows its inside to whoever asks.
    FERRETDB_DEBUG_ADDR: "127.0.0.1:8088",
    FERRETDB_TELEMETRY: "disable",
    FERRETDB_LOG_FORMAT: "json",
    FERRETDB_LOG_LEVEL: "warn",
    FERRETDB_TEST_ENABLE_NEW_AUTH: true,
  },
  volumes: [{ name: "ferretdb-data", path: "/state", ...kept(settings.mongo) }],
  // Not readyz, which logs in with the password of the first start: after a rotation it fails until the job that makes
  // log-ins, which waits for this, has changed it.
  health: healthCheck.wget("http://127.0.0.1:8088/debug/livez", { interval: 8, startPeriod: 30, retries: 5 }),
});

const ADMIN = { "admin-password": "@{mongoAdminPassword}\n@{mongoAdminPassword|previous}\n", "mongo-user": USER };

const users = (args: MongoArgs, database: string): ServiceSpec =>
  loginJob("mongo", {
    options: [database, ...(isFerret(args) ? [] : ["--roles"])],
    // What bin/restore puts over what runs, it puts there.
    environment: { MONGO_DATABASE: database },
    secrets: {
      ...ADMIN,
      "mongo-password": "@{mongoPassword}",
      "monitor-password": "@{mongoMonitorPassword}",
      ...(makesBackups(args) ? { "backup-password": "@{mongoBackupPassword}" } : {}),
    },
  });

const prune = (): ServiceSpec => pruneJob("mongo", { prunes: "mongoPassword", secrets: ADMIN });

const exporter = (database: string): ServiceSpec =>
  exporterOf("mongo", EXPORTER, {
    after: ["mongo-users"],
    environment: { MONGO_DATABASE: database },
    secrets: { "monitor-password": "@{mongoMonitorPassword}" },
  });

const builds = (args: MongoArgs): Record<string, ImageSpec> => ({
  ...toolsImage(args),
  ...(isFerret(args)
    ? {
        ferretdb: {
          context: "services/ferretdb",
          target: "runtime",
          args: { FERRETDB_IMAGE: args.baseImage("ferretdb"), NODE_EXPORTER_IMAGE: args.baseImage("nodeExporter") },
        },
      }
    : {}),
});

export interface MongoOptions {
  /** What the name of the database begins with; the environment follows. */
  readonly prefix: string;
  /** Image of Python that its tools run on. */
  readonly python: string;
}

export function mongo({ prefix, python }: MongoOptions): Store {
  const database = ({ settings }: MongoArgs): string => settings.mongo.database ?? `${prefix}_${settings.environment}`;
  const url = (args: MongoArgs): string =>
    `mongodb://${USER}:@{mongoPassword|uri}@mongo:27017/${database(args)}?authSource=admin`;
  return store({
    name: "mongo",
    title: "MongoDB",
    major: 7,
    scheme: "mongodb",
    images: { mongo: "mongo:7.0", ferretdb: "ghcr.io/ferretdb/ferretdb:1.24.2", python },
    settings,
    secrets: {
      mongoPassword: {
        description: "Password of the applications' user of MongoDB.",
        example: "a long random text",
        generated: 32,
        minLength: 16,
      },
      mongoAdminPassword: {
        description: "Password of MongoDB's superuser, who makes the other users.",
        example: "a long random text",
        generated: 32,
        minLength: 16,
        former: "mongoAdminPreviousPassword",
        // It is in the data, which stays when the stack goes.
        outlives: true,
      },
      mongoAdminPreviousPassword: {
        description: "Password that the data of MongoDB may still have; several, one a line.",
        form: "lines",
        example: "the former mongoAdminPassword",
        minLength: 16,
      },
      mongoMonitorPassword: {
        description: "Password of the user of MongoDB that reads metrics.",
        example: "a long random text",
        generated: 32,
        minLength: 16,
      },
      mongoBackupPassword: {
        description: "Password of the user of MongoDB that takes backups.",
        example: "a long random text",
        generated: 32,
        minLength: 16,
      },
    },
    builds,
    server,
    login: (args) => users(args, database(args)),
    prune,
    exporter: (args) => exporter(database(args)),
    access: (args) => ({
      networks: ["data"],
      secrets: { "mongo-url": url(args) },
      environment: { MONGO_URL_FILE: secretPath("mongo-url"), MONGO_DATABASE: database(args) },
      pool: { environment: { MONGO_POOL_SIZE: args.settings.mongo.poolSize } },
    }),
    credential: url,
    device: ({ settings }) => ({ key: "berth:mongo.device", folder: settings.mongo.device }),
    database,
    drawings: mongoDrawings,
    rules: "mongo.yml",
    backup: {
      module: "documents",
      file: "documents.tar",
      programs: [],
      packages: ["python3-pymongo"],
      restore: { service: "mongo-users", script: "data/mongo/restore.sh", how: "in place" },
      gives: (args) => ({
        tells: { host: "mongo", user: "backup", password: "mongo-password", database: database(args) },
        secrets: { "mongo-password": "@{mongoBackupPassword}" },
      }),
    },
  });
}
