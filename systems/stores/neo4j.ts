/**
 * Neo4j community: one graph, reached by users that are named by the version of their password. It knows no roles:
 * each of them may do everything (docs/decisions/0024-graph.md).
 */
import { z } from "zod";
import { folder, leaf } from "../../config/schema.ts";
import { neo4jDrawings } from "../../monitoring/dashboards/neo4j.ts";
import { FILES, secretPath } from "../../plan/files.ts";
import { healthCheck } from "../../plan/health.ts";
import { resolveLimits } from "../../plan/limits.ts";
import type { ServiceSpec } from "../../plan/types.ts";
import type { Args } from "../part.ts";
import { makesBackups } from "../parts/backup.ts";
import { content } from "../parts/content.ts";
import { type Store, store } from "./store.ts";
import { pruneJob, exporterOf, loginJob, toolsImage } from "./tools.ts";

const own = z.strictObject({
  device: leaf(folder, {
    description: "Folder of the engine's machine that holds the graph, on an encrypted file system.",
    allowed: "an absolute path of letters, digits, . _ and -",
    example: "/mnt/encrypted/neo4j",
  }).optional(),
});

const settings = {
  neo4j: leaf(own.default(own.parse({})), {
    description: "Neo4j: where its data is encrypted. Memory is fitted to the service's limit.",
    allowed: "device (a folder)",
    example: { device: "/mnt/encrypted/neo4j" },
  }),
} satisfies z.ZodRawShape;
type Neo4jArgs = Args<typeof settings>;

/** Uid of the user `neo4j` in the official image. */
const UID = 7474;
const HTTP = 7474;
const BOLT = 7687;
const USER = "app_@{neo4jPassword|version}";
const URL = `bolt://neo4j:${BOLT}`;
const LIMITS = { memory: 1024, cpus: 1, least: 640 };
const EXPORTER = 9218;

/** MiB of its limit: two fifths for objects, a fifth for pages of the store; Java takes the rest beside them. */
const memory = ({ settings }: Neo4jArgs) => {
  const limit = resolveLimits(LIMITS, settings.services["neo4j"]).memory;
  const [heap, pages] = [Math.floor(limit * 0.4), Math.floor(limit * 0.2)];
  return {
    NEO4J_server_memory_heap_initial__size: `${heap}m`,
    NEO4J_server_memory_heap_max__size: `${heap}m`,
    NEO4J_server_memory_pagecache_size: `${pages}m`,
  };
};

const server = (args: Neo4jArgs): ServiceSpec => {
  const { device } = args.settings.neo4j;
  return {
    name: "neo4j",
    tier: "data",
    kind: "stateful",
    image: { pull: args.baseImage("neo4j") },
    uid: UID,
    entrypoint: ["sh", `${FILES}/start.sh`],
    config: { "start.sh": content("data/neo4j/start.sh") },
    environment: {
      ...memory(args),
      NEO4J_server_directories_run: "/tmp",
      // Tells its vendor how it is used.
      NEO4J_dbms_usage__report_enabled: false,
      // 256 MB for the log of an empty graph, twice.
      NEO4J_db_tx__log_preallocate: false,
      NEO4J_db_tx__log_rotation_retention__policy: "2 days 256M",
    },
    volumes: [
      { name: "neo4j-data", path: "/data", keep: "data", ...(device === undefined ? {} : { device }) },
      { name: "neo4j-logs", path: "/logs", keep: "scratch" },
    ],
    // Java unpacks libraries there and runs them: with noexec it does not start. The volumes are no less.
    tmpfs: { "/tmp": "rw,exec,nosuid,size=64m" },
    networks: ["data"],
    port: BOLT,
    publish: { neo4j: BOLT },
    // It answers once its databases are there.
    health: healthCheck.wget(`http://127.0.0.1:${HTTP}/`, { interval: 8, startPeriod: 120, retries: 5 }),
    limits: LIMITS,
    stopGrace: 60,
  };
};

const ADMIN = { "admin-password": "@{neo4jAdminPassword}\n@{neo4jAdminPassword|previous}\n", "neo4j-user": USER };

const users = (args: Neo4jArgs): ServiceSpec =>
  loginJob("neo4j", {
    secrets: {
      ...ADMIN,
      "neo4j-password": "@{neo4jPassword}",
      "monitor-password": "@{neo4jMonitorPassword}",
      ...(makesBackups(args) ? { "backup-password": "@{neo4jBackupPassword}" } : {}),
    },
  });

const prune = (): ServiceSpec => pruneJob("neo4j", { prunes: "neo4jPassword", secrets: ADMIN });

const exporter = (): ServiceSpec =>
  exporterOf("neo4j", EXPORTER, { after: ["neo4j-users"], secrets: { "monitor-password": "@{neo4jMonitorPassword}" } });

export interface Neo4jOptions {
  /** Image of Python that its tools run on. */
  readonly python: string;
}

export const neo4j = ({ python }: Neo4jOptions): Store =>
  store({
    name: "neo4j",
    title: "Neo4j",
    major: 5,
    scheme: "bolt",
    images: { neo4j: "neo4j:5.26-community", python },
    settings,
    secrets: {
      neo4jPassword: {
        description: "Password of the applications' user of Neo4j.",
        example: "a long random text",
        generated: 32,
        minLength: 16,
      },
      neo4jAdminPassword: {
        description: "Password of Neo4j's first user, neo4j, who makes the others.",
        example: "a long random text",
        generated: 32,
        minLength: 16,
        former: "neo4jAdminPreviousPassword",
        // It is in the data, which stays when the stack goes.
        outlives: true,
      },
      neo4jAdminPreviousPassword: {
        description: "Password that the data of Neo4j may still have; several, one a line.",
        form: "lines",
        example: "the former neo4jAdminPassword",
        minLength: 16,
      },
      neo4jMonitorPassword: {
        description: "Password of the user of Neo4j that reads metrics.",
        example: "a long random text",
        generated: 32,
        minLength: 16,
      },
      neo4jBackupPassword: {
        description: "Password of the user of Neo4j that takes backups.",
        example: "a long random text",
        generated: 32,
        minLength: 16,
      },
    },
    builds: toolsImage,
    server,
    login: users,
    prune,
    exporter,
    access: () => ({
      networks: ["data"],
      secrets: { "neo4j-auth": `${USER}:@{neo4jPassword}` },
      environment: { NEO4J_URL: URL, NEO4J_AUTH_FILE: secretPath("neo4j-auth") },
    }),
    credential: `${USER}:@{neo4jPassword}`,
    device: ({ settings }) => ({ key: "berth:neo4j.device", folder: settings.neo4j.device }),
    drawings: neo4jDrawings,
    rules: "neo4j.yml",
    backup: {
      module: "graph",
      file: "graph.jsonl",
      programs: [],
      library: ["berth/neo4j_admin.py"],
      restore: { service: "neo4j-users", script: "data/neo4j/restore.sh", how: "in place" },
      gives: () => ({
        tells: { host: "neo4j", user: "backup", password: "neo4j-password" },
        secrets: { "neo4j-password": "@{neo4jBackupPassword}" },
      }),
    },
  });
