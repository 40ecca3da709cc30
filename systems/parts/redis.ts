/** Redis for queue, cache and rate limits. Users are an ACL file on the data volume; what has no expiry is never evicted. */
import { healthCheck } from "../../plan/health.ts";
import type { ServiceSpec } from "../../plan/types.ts";
import type { CatalogueArgs } from "../../plan/plan.ts";
import { baseImage } from "../images.ts";
import { content } from "./content.ts";
import { runOnce, succeeded } from "./job.ts";

/** Uid of the user `redis` in the official image. */
const UID = 999;

/** File content for an application: the URL of Redis with the current user. */
export const redisUrl = (db = 0): string => `redis://app_@{redisPassword|version}:@{redisPassword|uri}@redis:6379/${db}`;

export function redis({ settings }: CatalogueArgs): ServiceSpec[] {
  const image = { pull: baseImage("redis", settings) };
  return [{
    name: "redis", tier: "data", kind: "stateful", image, uid: UID,
    command: ["sh", "/etc/redis/start.sh"],
    config: { path: "/etc/redis", files: { "redis.conf": content("data/redis/redis.conf"), "start.sh": content("data/redis/start.sh") } },
    secrets: { "base.acl": content("data/redis/base.acl"), "monitor-password": "@{redisMonitorPassword}" },
    volumes: [{ name: "redis-data", path: "/data", keep: "data" }],
    networks: ["data"], port: 6379, publish: { redis: 6379 },
    health: healthCheck.shell("REDISCLI_AUTH=$(cat /run/secrets/monitor-password) redis-cli --user monitor --no-auth-warning ping | grep -qx PONG",
      { interval: 5, startPeriod: 30, retries: 5 }),
    limits: { memory: 384, cpus: 0.5 }, stopGrace: 30,
  }, {
    name: "redis-users", tier: "data", kind: "job", image, uid: UID, after: ["redis"],
    command: runOnce("REDISCLI_AUTH=$(cat /run/secrets/admin-password) redis-cli -e -h redis --user admin --no-auth-warning < /run/secrets/users.redis"),
    secrets: { "admin-password": "@{redisAdminPassword}", "users.redis": content("data/redis/users.redis") },
    networks: ["data"], health: succeeded, limits: { memory: 32, cpus: 0.25 }, waitTimeout: 60,
  }];
}
