/**
 * Redis for queue, cache and rate limits. Users are an ACL file on the data
 * volume; what has no expiry is never evicted.
 */
import { healthCheck } from "../../plan/health.ts";
import { resolveLimits } from "../../plan/limits.ts";
import { pace } from "../../plan/pace.ts";
import type { CatalogueArgs, ServiceSpec } from "../../plan/types.ts";
import { baseImage } from "../images.ts";
import { content } from "./content.ts";
import { runOnce, succeeded } from "./job.ts";

/** Uid of the user `redis` in the official image. */
const UID = 999;

const USER = "app_@{redisPassword|version}";

/** File content for an application: the URL of Redis with the current user. */
export const redisUrl = (db = 0): string => `redis://${USER}:@{redisPassword|uri}@redis:6379/${db}`;

const LIMITS = { memory: 384, cpus: 0.5 };

/** MiB that its data may take; the rest of its limit is for the copy that a snapshot makes. */
export const maxmemory = (settings: CatalogueArgs["settings"]): number =>
  Math.floor((resolveLimits(LIMITS, settings.services["redis"]).memory * 2) / 3);

export function redis({ settings }: CatalogueArgs): ServiceSpec[] {
  const image = { pull: baseImage("redis", settings) };
  return [
    {
      name: "redis",
      tier: "data",
      kind: "stateful",
      image,
      uid: UID,
      major: "redis",
      command: ["sh", "/etc/redis/start.sh"],
      config: {
        path: "/etc/redis",
        files: {
          "redis.conf": content("data/redis/redis.conf", { maxmemory: `${maxmemory(settings)}mb` }),
          "start.sh": content("data/redis/start.sh"),
        },
      },
      // Nobody can log in as the user "default", but Redis replays its log as that user: without rights it would drop
      // every transaction and every script's writes at each start.
      secrets: { "base.acl": content("data/redis/base.acl"), "monitor-password": "@{redisMonitorPassword}" },
      volumes: [{ name: "redis-data", path: "/data", keep: "data" }],
      networks: ["data"],
      port: 6379,
      publish: { redis: 6379 },
      health: healthCheck.shell(
        "redis-cli --user monitor --askpass --no-auth-warning ping < /run/secrets/monitor-password | grep -qx PONG",
        { interval: 8, startPeriod: 30, retries: 5 },
      ),
      limits: LIMITS,
      stopGrace: 30,
    },
    {
      name: "redis-users",
      tier: "data",
      kind: "job",
      image,
      uid: UID,
      after: ["redis"],
      command: runOnce("sh /etc/berth/users.sh"),
      config: { path: "/etc/berth", files: { "users.sh": content("data/redis/users.sh") } },
      secrets: {
        "admin-password": "@{redisAdminPassword}",
        "redis-user": USER,
        "users.redis": content("data/redis/users.redis", {
          backup: settings.backup ? content("data/redis/backup.redis") : "",
        }),
      },
      networks: ["data"],
      health: succeeded,
      limits: { memory: 32, cpus: 0.25 },
    },
  ];
}

/** The job that deletes users of former passwords. @param after What must be done first, besides all that logs in. */
export function redisPrune({ settings }: CatalogueArgs, after: readonly string[]): ServiceSpec {
  return {
    name: "redis-prune",
    tier: "data",
    kind: "job",
    image: { pull: baseImage("redis", settings) },
    uid: UID,
    after,
    prunes: "redisPassword",
    command: ["sh", "/etc/berth/prune.sh", String(pace.prune)],
    config: { path: "/etc/berth", files: { "prune.sh": content("data/redis/prune.sh") } },
    secrets: { "admin-password": "@{redisAdminPassword}", "redis-user": USER },
    networks: ["data"],
    health: { ...succeeded, interval: 8 },
    limits: { memory: 32, cpus: 0.25 },
  };
}
