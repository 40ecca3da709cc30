/**
 * Redis for queue, cache and rate limits. Users are an ACL file on the data volume; what has no expiry is never
 * evicted.
 */
import { redisDrawings } from "../../monitoring/dashboards/redis.ts";
import { FILES, secretPath } from "../../plan/files.ts";
import { healthCheck } from "../../plan/health.ts";
import { resolveLimits } from "../../plan/limits.ts";
import { pace } from "../../plan/pace.ts";
import type { ServiceSpec } from "../../plan/types.ts";
import type { Args } from "../part.ts";
import { makesBackups } from "../parts/backup.ts";
import { content } from "../parts/content.ts";
import { runOnce, succeeded } from "../parts/job.ts";
import { type Store, store } from "./store.ts";

/** Uid of the user `redis` in the official image. */
const UID = 999;
/** Uid of the user in the image of redis_exporter. */
const EXPORTER = 59000;
const USER = "app_@{redisPassword|version}";
const URL = `redis://${USER}:@{redisPassword|uri}@redis:6379/0`;
/** The format that a server writes, by the first bytes of its log, such as REDIS0012: it reads that and older ones. */
const FORMAT = "head -q -c 9 /data/appendonlydir/*.base.rdb | head -c 9 && echo";
const LIMITS = { memory: 384, cpus: 0.5 };

/** MiB that its data may take; the rest of its limit is for the copy that a snapshot makes. */
const maxmemory = (settings: Args["settings"]): number =>
  Math.floor((resolveLimits(LIMITS, settings.services["redis"]).memory * 2) / 3);

const server = ({ settings, baseImage }: Args): ServiceSpec => ({
  name: "redis",
  tier: "data",
  kind: "stateful",
  image: { pull: baseImage("redis") },
  uid: UID,
  command: ["sh", `${FILES}/start.sh`],
  config: {
    "redis.conf": content("data/redis/redis.conf", { maxmemory: `${maxmemory(settings)}mb` }),
    "start.sh": content("data/redis/start.sh"),
  },
  // Nobody can log in as the user "default", but Redis replays its log as that user: without rights it would drop
  // every transaction and every script's writes at each start.
  secrets: { "base.acl": content("data/redis/base.acl"), "monitor-password": "@{redisMonitorPassword}" },
  volumes: [{ name: "redis-data", path: "/data", keep: "data" }],
  networks: ["data"],
  port: 6379,
  publish: { redis: 6379 },
  health: healthCheck.shell(
    `redis-cli --user monitor --askpass --no-auth-warning ping < ${secretPath("monitor-password")} | grep -qx PONG`,
    { interval: 8, startPeriod: 30, retries: 5 },
  ),
  rehearsal: {
    follows: {
      tells: ["sh", "-c", FORMAT],
      takes: [
        "sh",
        "-c",
        `read -r data && own=$(${FORMAT}) && [ ! "$own" \\< "$data" ] || { echo "its data is of format $data, and it reads up to $own" >&2; exit 1; }`,
      ],
    },
  },
  limits: LIMITS,
  stopGrace: 30,
});

const users = (args: Args): ServiceSpec => ({
  name: "redis-users",
  tier: "data",
  kind: "job",
  image: { pull: args.baseImage("redis") },
  uid: UID,
  after: ["redis"],
  command: runOnce(`sh ${FILES}/users.sh`),
  config: { "users.sh": content("data/redis/users.sh"), "prune.sh": content("data/redis/prune.sh") },
  secrets: {
    "admin-password": "@{redisAdminPassword}",
    "redis-user": USER,
    "users.redis": content("data/redis/users.redis", {
      backup: makesBackups(args) ? content("data/redis/backup.redis") : "",
    }),
  },
  networks: ["data"],
  health: succeeded,
  limits: { memory: 32, cpus: 0.25 },
});

const prune = ({ baseImage }: Args): ServiceSpec => ({
  name: "redis-prune",
  tier: "data",
  kind: "job",
  image: { pull: baseImage("redis") },
  uid: UID,
  prunes: "redisPassword",
  command: ["sh", `${FILES}/prune.sh`, String(pace.prune)],
  // Both are the user who manages the others.
  sharesFilesOf: "redis-users",
  networks: ["data"],
  health: succeeded,
  limits: { memory: 32, cpus: 0.25 },
});

const exporter = ({ settings, baseImage }: Args): ServiceSpec => ({
  name: "redis-exporter",
  tier: "monitoring",
  kind: "stateless",
  image: { pull: baseImage("redisExporter") },
  uid: EXPORTER,
  // Its own default is longer than a scrape may take: a Redis that is gone would look like an exporter that is gone.
  command: [`--script=${FILES}/queues.lua`, "--connection-timeout=3s"],
  // Queues are lists: named after the system, or by Celery's default.
  config: { "queues.lua": content("monitoring/redis/queues.lua", { queues: `${settings.system} celery` }) },
  environment: {
    REDIS_ADDR: "redis://redis:6379",
    REDIS_USER: "monitor",
    REDIS_PASSWORD_FILE: secretPath("passwords.json"),
  },
  secrets: { "passwords.json": '{"redis://monitor@redis:6379":@{redisMonitorPassword|json}}' },
  networks: ["data", "monitoring"],
  port: 9121,
  metrics: {},
  after: ["redis"],
  health: healthCheck.wget("http://127.0.0.1:9121/health"),
  limits: { memory: 64, cpus: 0.25, least: 32 },
  stopGrace: 5,
});

export interface RedisOptions {
  /** @default redis:8.10 */
  readonly image?: string;
  /** @default 8 */
  readonly major?: number;
}

export const redis = ({ image = "redis:8.10", major = 8 }: RedisOptions = {}): Store =>
  store({
    name: "redis",
    title: "Redis",
    major,
    scheme: "redis",
    images: { redis: image, redisExporter: "oliver006/redis_exporter:v1.89.0-alpine" },
    settings: {},
    secrets: {
      redisPassword: {
        description: "Password of the applications' Redis user.",
        example: "a long random text",
        generated: 32,
        minLength: 16,
      },
      redisAdminPassword: {
        description: "Password of the Redis user that manages the others.",
        example: "a long random text",
        generated: 32,
        minLength: 16,
      },
      redisMonitorPassword: {
        description: "Password of the Redis user that reads metrics.",
        example: "a long random text",
        generated: 32,
        minLength: 16,
      },
      redisBackupPassword: {
        description: "Password of the Redis user that takes snapshots.",
        example: "a long random text",
        generated: 32,
        minLength: 16,
      },
    },
    server,
    login: users,
    prune,
    exporter,
    access: () => ({
      networks: ["data"],
      secrets: { "redis-url": URL },
      environment: { REDIS_URL_FILE: secretPath("redis-url") },
    }),
    credential: URL,
    drawings: redisDrawings,
    rules: "redis.yml",
    backup: {
      module: "redis",
      file: "redis.rdb",
      programs: ["redis-cli", "redis-server", "redis-check-rdb"],
      image: "REDIS_IMAGE",
      restore: { service: "redis-users", script: "data/redis/restore.sh", how: "in place" },
      gives: ({ settings }) => ({
        tells: { host: "redis", user: "backup", password: "redis-password" },
        secrets: { "redis-password": "@{redisBackupPassword}" },
        // A throwaway server holds what Redis may hold.
        memory: maxmemory(settings),
      }),
    },
  });
