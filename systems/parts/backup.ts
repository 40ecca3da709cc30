/**
 * Backups of PostgreSQL and Redis, each restored into a throwaway server before it counts.
 * Made where `berth:backup` asks for them.
 */
import { seconds } from "../../config/schema.ts";
import { healthCheck } from "../../plan/health.ts";
import type { CatalogueArgs, ImageSpec, ServiceSpec } from "../../plan/types.ts";
import { baseImage } from "../images.ts";
import { SOCKET } from "./postgres.ts";
import { maxmemory } from "./redis.ts";

/** Uid of Debian's user `backup`, by which PostgreSQL knows it at its socket (data/postgres/pg_ident.conf). */
const UID = 34;
const METRICS = 9300;

export const backupImage = ({ settings }: CatalogueArgs): Record<string, ImageSpec> =>
  settings.backup === undefined
    ? {}
    : {
        backup: {
          context: "services/backup",
          target: "runtime",
          args: { POSTGRES_IMAGE: baseImage("postgres", settings), REDIS_IMAGE: baseImage("redis", settings) },
        },
      };

/** @param after What makes the roles and the tables. */
export function backup({ stack, settings }: CatalogueArgs, database: string, after: readonly string[]): ServiceSpec[] {
  if (settings.backup === undefined) return [];
  const { every, keep, device, s3 } = settings.backup;
  return [
    {
      name: "backup",
      tier: "data",
      kind: "stateful",
      image: { build: "backup" },
      uid: UID,
      command: ["backup", "serve"],
      after,
      environment: {
        APP_ENV: settings.environment,
        BACKUP_STACK: stack,
        BACKUP_EVERY: seconds(every),
        BACKUP_KEEP: keep,
        METRICS_PORT: METRICS,
        PGHOST: SOCKET.path,
        PGUSER: "backup",
        PGDATABASE: database,
        ...(s3 ? { BACKUP_S3_BUCKET: s3.bucket, BACKUP_S3_PREFIX: s3.prefix ?? `${settings.system}-${stack}` } : {}),
        ...(s3?.endpoint === undefined ? {} : { BACKUP_S3_ENDPOINT: s3.endpoint }),
        ...(s3?.region === undefined ? {} : { BACKUP_S3_REGION: s3.region }),
      },
      secrets: {
        "backup-key": "@{backupKey}\n@{backupKey|previous}\n",
        "redis-password": "@{redisBackupPassword}",
        ...(s3 ? { "s3-access-key": "@{backupS3AccessKey}", "s3-secret-key": "@{backupS3SecretKey}" } : {}),
      },
      volumes: [
        { ...SOCKET, keep: "scratch", readOnly: true },
        // The database's image declares a volume at this path: it would get a nameless one there.
        { name: "backup-work", path: "/var/lib/postgresql/data", keep: "scratch" },
        ...(s3
          ? []
          : [
              {
                name: "backup-data",
                path: "/backups",
                keep: "data" as const,
                ...(device === undefined ? {} : { device }),
              },
            ]),
      ],
      networks: ["data", "monitoring", ...(s3 ? ["egress" as const] : [])],
      metrics: { port: METRICS },
      // The image has neither curl nor wget.
      health: healthCheck.command([
        "bash",
        "-c",
        `exec 3<>/dev/tcp/127.0.0.1/${METRICS} && printf 'GET /health HTTP/1.0\\r\\n\\r\\n' >&3 && read -t 3 -r line <&3 && [[ $line == *' 200 '* ]]`,
      ]),
      // A throwaway Redis holds what Redis may hold; the rest is for PostgreSQL and rclone.
      limits: { memory: 384 + maxmemory(settings), cpus: 0.5 },
      stopGrace: 30,
    },
  ];
}
