/**
 * PostgreSQL with pgvector: one database, reached by versioned login roles; the
 * superuser only through a socket shared with jobs.
 */
import { healthCheck } from "../../plan/health.ts";
import { resolveLimits } from "../../plan/limits.ts";
import { pace } from "../../plan/pace.ts";
import type { CatalogueArgs, SchemaVersion, ServiceSpec } from "../../plan/types.ts";
import { baseImage } from "../images.ts";
import { content } from "./content.ts";
import { runOnce, succeeded } from "./job.ts";

/** Uid of the user `postgres` in the official images. */
const UID = 999;
export const SOCKET = { name: "postgres-socket", path: "/var/run/postgresql" } as const;

/** File content for an application: the URL of the database with the current role. */
export const postgresUrl = (database: string): string =>
  `postgresql://app_@{postgresPassword|version}:@{postgresPassword|uri}@postgres:5432/${database}`;

/** The job that drops roles of former passwords. @param after What must be done first, besides all that logs in. */
export function postgresPrune({ settings }: CatalogueArgs, database: string, after: readonly string[]): ServiceSpec {
  return {
    name: "postgres-prune",
    tier: "data",
    kind: "job",
    image: { pull: baseImage("postgres", settings) },
    uid: UID,
    after,
    prunes: "postgresPassword",
    command: ["sh", "/etc/berth/prune.sh", database, String(pace.prune)],
    config: {
      path: "/etc/berth",
      files: { "prune.sh": content("data/postgres/prune.sh"), "idle.sql": content("data/postgres/idle.sql") },
    },
    secrets: { "postgres-role": "app_@{postgresPassword|version}" },
    volumes: [SOCKET],
    networks: ["data"],
    health: { ...succeeded, interval: 8 },
    limits: { memory: 64, cpus: 0.25 },
  };
}

/**
 * Asked of the server itself: what a migration said it did may be undone since,
 * by a restore or a release that came back.
 */
export const postgresSchema = (database: string, madeBy: string): SchemaVersion => ({
  service: "postgres",
  madeBy,
  command: ["psql", "-qAtX", "-U", "postgres", "-d", database, "-c", "SELECT version_num FROM alembic_version"],
});

const LIMITS = { memory: 1024, cpus: 1 };

/**
 * Memory as PostgreSQL's manual proposes it, fitted to the limit that the stack file makes: a quarter
 * for its own cache, half for the kernel's.
 */
function tuning(settings: CatalogueArgs["settings"]): string[] {
  const { memory } = resolveLimits(LIMITS, settings.services["postgres"]);
  const values = {
    max_connections: settings.postgres.maxConnections,
    shared_buffers: `${Math.floor(memory / 4)}MB`,
    effective_cache_size: `${Math.floor(memory / 2)}MB`,
  };
  return Object.entries(values).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

export function postgres({ settings }: CatalogueArgs, database: string): ServiceSpec[] {
  const image = { pull: baseImage("postgres", settings) };
  const { device } = settings.postgres;
  return [
    {
      name: "postgres",
      tier: "data",
      kind: "stateful",
      image,
      uid: UID,
      major: "postgres",
      command: [
        "postgres",
        "-c",
        "hba_file=/etc/postgresql/pg_hba.conf",
        "-c",
        "ident_file=/etc/postgresql/pg_ident.conf",
        "-c",
        "shared_preload_libraries=pg_stat_statements",
        // Utility statements are kept as they are: with the password of a role that is made.
        "-c",
        "pg_stat_statements.track_utility=off",
        ...tuning(settings),
        "-c",
        "log_min_duration_statement=500",
        "-c",
        "idle_in_transaction_session_timeout=60s",
        "-c",
        "password_encryption=scram-sha-256",
      ],
      // The superuser has no password. The image asks for one unless told "trust", which it writes into a file that
      // hba_file replaces: the superuser gets in through the socket only, as the operating system's user.
      environment: {
        POSTGRES_DB: database,
        POSTGRES_HOST_AUTH_METHOD: "trust",
        PGDATA: "/var/lib/postgresql/data/pgdata",
      },
      config: {
        path: "/etc/postgresql",
        files: {
          "pg_hba.conf": content("data/postgres/pg_hba.conf"),
          "pg_ident.conf": content("data/postgres/pg_ident.conf"),
        },
      },
      volumes: [
        {
          name: "postgres-data",
          path: "/var/lib/postgresql/data",
          keep: "data",
          ...(device === undefined ? {} : { device }),
        },
        { ...SOCKET, keep: "scratch" },
      ],
      networks: ["data"],
      port: 5432,
      publish: { postgres: 5432 },
      // The server that initialises the data listens on the socket only: asking over TCP first tells them apart.
      // The programs themselves: those on PATH are wrappers that look for the version first, at many times the cost.
      health: healthCheck.shell(
        `PATH=/usr/lib/postgresql/$PG_MAJOR/bin:$PATH; pg_isready -q -h 127.0.0.1 -U monitor && psql -qAtX -U postgres -d ${database} -c 'select 1' | grep -qx 1`,
        { interval: 8, startPeriod: 60, retries: 5 },
      ),
      limits: LIMITS,
      sharedMemory: 128,
      stopGrace: 60,
    },
    {
      name: "postgres-roles",
      tier: "data",
      kind: "job",
      image,
      uid: UID,
      after: ["postgres"],
      command: runOnce(`psql -qX -U postgres -d ${database} -v ON_ERROR_STOP=1 -f /etc/berth/roles.sql`),
      config: { path: "/etc/berth", files: { "roles.sql": content("data/postgres/roles.sql", { database }) } },
      secrets: { "postgres-role": "app_@{postgresPassword|version}", "postgres-password": "@{postgresPassword}" },
      volumes: [{ ...SOCKET, keep: "scratch" }],
      networks: ["data"],
      health: succeeded,
      limits: { memory: 64, cpus: 0.5 },
    },
  ];
}
