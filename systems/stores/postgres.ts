/**
 * PostgreSQL with pgvector: one database, reached by versioned login roles; the superuser only through a socket that
 * is shared with jobs.
 */
import { z } from "zod";
import { folder, leaf } from "../../config/schema.ts";
import { postgresDrawings } from "../../monitoring/dashboards/postgres.ts";
import { FILES, secretPath } from "../../plan/files.ts";
import { healthCheck } from "../../plan/health.ts";
import { resolveLimits } from "../../plan/limits.ts";
import { pace } from "../../plan/pace.ts";
import type { Rehearsal, SchemaVersion, ServiceSpec } from "../../plan/types.ts";
import type { Args } from "../part.ts";
import { content } from "../parts/content.ts";
import { runOnce, succeeded } from "../parts/job.ts";
import { NOBODY } from "../parts/monitoring-metrics.ts";
import { type Store, store } from "./store.ts";

const own = z.strictObject({
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

const settings = {
  database: leaf(
    z
      .string()
      .regex(/^(?!(?:postgres|template[01])$)[a-z][a-z0-9_]{0,50}$/)
      .optional(),
    {
      description: "Name of the database. Default: the system's prefix and the environment, such as pa_dev.",
      allowed:
        "at most 51 lower-case letters, digits and _; not postgres, template0 or template1, which are the server's own",
      example: "pa_dev",
    },
  ),
  postgres: leaf(own.default(own.parse({})), {
    description:
      "PostgreSQL: connections, pools, the longest statement, and where its data is encrypted. Memory is fitted to the service's limit.",
    allowed: "maxConnections, poolSize, statementTimeout (seconds) and device (a folder)",
    example: { maxConnections: 200, poolSize: 10, statementTimeout: 10, device: "/mnt/encrypted/postgres" },
  }),
} satisfies z.ZodRawShape;
type PostgresArgs = Args<typeof settings>;

/** Uid of the user `postgres` in the official images. */
const UID = 999;
/**
 * Folder of the official images that postgres owns, and that they declare a volume at: a volume of ours in any other
 * place would be the superuser's, and theirs a nameless one. The data lies at its top.
 */
const home = (major: number): string => (major < 18 ? "/var/lib/postgresql/data" : "/var/lib/postgresql");
const SOCKET = { name: "postgres-socket", path: "/var/run/postgresql" } as const;
const ROLE = "app_@{postgresPassword|version}";
const LIMITS = { memory: 1024, cpus: 1 };

const memoryOf = (settings: PostgresArgs["settings"]): number =>
  resolveLimits(LIMITS, settings.services["postgres"]).memory;

/**
 * Memory as PostgreSQL's manual proposes it, fitted to the limit that the stack file makes: a quarter
 * for its own cache, half for the kernel's.
 */
function tuning(settings: PostgresArgs["settings"]): string[] {
  const memory = memoryOf(settings);
  const values = {
    max_connections: settings.postgres.maxConnections,
    shared_buffers: `${Math.floor(memory / 4)}MB`,
    effective_cache_size: `${Math.floor(memory / 2)}MB`,
  };
  return Object.entries(values).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

/**
 * Its data can be read by its own major version only, sorted by its own C library only, and used with its extensions
 * only.
 */
function rehearsal(database: string): Rehearsal {
  const facts = (extensions: string) =>
    `psql -qAtX -U postgres -d ${database} -c "SELECT 'version ' || current_setting('server_version_num')::int / 10000
      UNION ALL SELECT 'C library ' || coalesce(substring(version() FROM '-linux-([a-z]+)'), 'unknown')
      UNION ALL SELECT 'extension ' || ${extensions}"`;
  const has = facts("name FROM pg_available_extensions");
  // The image makes the database with the data: under another name there is none.
  const others = `psql -qAtX -U postgres -d postgres -c "SELECT string_agg(datname, ', ' ORDER BY datname) FROM pg_database
      WHERE NOT datistemplate AND datname <> 'postgres' AND right(datname, 9) <> '_restored'
      HAVING NOT bool_or(datname = '${database}')"`;
  const missing = `there is no database ${database} (berth:database; unset, it is named after berth:environment), and the data is in $others: name that one, or move it (bin/backup, an empty volume, bin/restore)`;
  return {
    // Whoever writes beside it would wait for its thousand files.
    environment: { POSTGRES_INITDB_ARGS: "--no-sync" },
    options: ["-c", "fsync=off"],
    follows: {
      tells: [
        "sh",
        "-c",
        `others=$(${others}) && if [ -n "$others" ]; then echo "${missing}" >&2; exit 1; fi && ${facts("extname FROM pg_extension")}`,
      ],
      takes: ["sh", "-c", `${has} > /tmp/has && ! { echo 'its data needs' && grep -vxF -f /tmp/has; } >&2`],
    },
  };
}

function server({ settings, baseImage }: PostgresArgs, database: string, major: number): ServiceSpec {
  const { device } = settings.postgres;
  return {
    name: "postgres",
    tier: "data",
    kind: "stateful",
    image: { pull: baseImage("postgres") },
    uid: UID,
    command: [
      "postgres",
      "-c",
      `hba_file=${FILES}/pg_hba.conf`,
      "-c",
      `ident_file=${FILES}/pg_ident.conf`,
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
    environment: { POSTGRES_DB: database, POSTGRES_HOST_AUTH_METHOD: "trust", PGDATA: `${home(major)}/pgdata` },
    config: {
      "pg_hba.conf": content("data/postgres/pg_hba.conf"),
      "pg_ident.conf": content("data/postgres/pg_ident.conf"),
    },
    volumes: [
      { name: "postgres-data", path: home(major), keep: "data", ...(device === undefined ? {} : { device }) },
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
    rehearsal: rehearsal(database),
    limits: LIMITS,
    // An index on embeddings that several processes build lies there, as large as maintenance_work_mem. It is part of
    // the limit, and takes nothing where nothing is in it.
    sharedMemory: Math.floor(memoryOf(settings) / 2),
    stopGrace: 60,
  };
}

const roles = ({ baseImage }: PostgresArgs, database: string): ServiceSpec => ({
  name: "postgres-roles",
  tier: "data",
  kind: "job",
  image: { pull: baseImage("postgres") },
  uid: UID,
  after: ["postgres"],
  command: runOnce(`psql -qX -U postgres -d ${database} -v ON_ERROR_STOP=1 -f ${FILES}/roles.sql`),
  config: {
    "roles.sql": content("data/postgres/roles.sql", { database }),
    "prune.sh": content("data/postgres/prune.sh"),
    "idle.sql": content("data/postgres/idle.sql"),
  },
  secrets: { "postgres-role": ROLE, "postgres-password": "@{postgresPassword}" },
  volumes: [{ ...SOCKET, keep: "scratch" }],
  networks: ["data"],
  health: succeeded,
  limits: { memory: 64, cpus: 0.5 },
});

const prune = ({ baseImage }: PostgresArgs, database: string): ServiceSpec => ({
  name: "postgres-prune",
  tier: "data",
  kind: "job",
  image: { pull: baseImage("postgres") },
  uid: UID,
  prunes: "postgresPassword",
  command: ["sh", `${FILES}/prune.sh`, database, String(pace.prune)],
  // Both are the superuser.
  sharesFilesOf: "postgres-roles",
  volumes: [SOCKET],
  networks: ["data"],
  health: succeeded,
  limits: { memory: 64, cpus: 0.25 },
});

/** Logs in over the socket as the operating system's user nobody, so that there is no password to keep or to rotate. */
const exporter = ({ baseImage }: PostgresArgs, database: string): ServiceSpec => ({
  name: "postgres-exporter",
  tier: "monitoring",
  kind: "stateless",
  image: { pull: baseImage("postgresExporter") },
  uid: NOBODY,
  command: [
    "--collector.stat_statements",
    "--collector.long_running_transactions",
    "--collector.statio_user_indexes",
    "--collector.postmaster",
  ],
  environment: {
    DATA_SOURCE_NAME: `user=monitor dbname=${database} host=${SOCKET.path} application_name=postgres-exporter`,
  },
  volumes: [{ ...SOCKET, keep: "scratch", readOnly: true }],
  networks: ["monitoring"],
  port: 9187,
  metrics: {},
  after: ["postgres-roles"],
  health: healthCheck.wget("http://127.0.0.1:9187/"),
  limits: { memory: 64, cpus: 0.25, least: 32 },
  stopGrace: 5,
});

/** Table, and the column or expression that is the version of the schema. */
type Versions = readonly [table: string, column: string];
const ALEMBIC: Versions = ["public.alembic_version", "version_num"];

/**
 * Asked of the server itself: what a migration said it did may be undone since, by a restore or a release that came
 * back.
 */
const schemaVersion = (database: string, madeBy: string, [table, column]: Versions): SchemaVersion => ({
  service: "postgres",
  madeBy,
  command: ["psql", "-qAtX", "-U", "postgres", "-d", database, "-c", `SELECT ${column} FROM ${table}`],
});

export interface PostgresOptions {
  /** What the name of the database begins with; the environment follows. */
  readonly prefix: string;
  /** Job of the system that makes the tables. @default none: a log-in is all that a service waits for */
  readonly migrations?: string;
  /** Where it notes the version of the schema. @default Alembic's table */
  readonly versions?: Versions;
  /** @default the image of pgvector with that version */
  readonly image?: string;
  /** @default 17 */
  readonly major?: number;
}

const IMAGE = "pgvector/pgvector:pg17-trixie";

export function postgres({
  prefix,
  migrations,
  versions: noted = ALEMBIC,
  image = IMAGE,
  major = 17,
}: PostgresOptions): Store {
  const database = ({ settings }: PostgresArgs): string => settings.database ?? `${prefix}_${settings.environment}`;
  const majorOf = ({ settings }: Args): number =>
    (settings as { readonly majors?: Readonly<Record<string, number>> }).majors?.["postgres"] ?? major;
  const url = (args: PostgresArgs): string =>
    `postgresql://${ROLE}:@{postgresPassword|uri}@postgres:5432/${database(args)}`;
  const versions = migrations === undefined ? {} : { versions: noted };
  return store({
    name: "postgres",
    title: "PostgreSQL",
    major,
    scheme: "postgres",
    images: { postgres: image, postgresExporter: "prometheuscommunity/postgres-exporter:v0.20.1" },
    settings,
    secrets: {
      postgresPassword: {
        description: "Password of the applications' database role.",
        example: "a long random text",
        generated: 32,
        minLength: 16,
      },
    },
    server: (args) => server(args, database(args), majorOf(args)),
    login: (args) => roles(args, database(args)),
    prune: (args) => prune(args, database(args)),
    exporter: (args) => exporter(args, database(args)),
    ...(migrations === undefined
      ? {}
      : { ready: migrations, schemaVersion: (args: PostgresArgs) => schemaVersion(database(args), migrations, noted) }),
    access: (args) => ({
      networks: ["data"],
      secrets: { "database-url": url(args) },
      environment: { DATABASE_URL_FILE: secretPath("database-url") },
      pool: {
        environment: {
          DB_POOL_SIZE: args.settings.postgres.poolSize,
          DB_STATEMENT_TIMEOUT: args.settings.postgres.statementTimeout,
        },
        connections: { variable: "DB_POOL_SIZE", besides: 0 },
      },
    }),
    credential: url,
    connections: ({ settings }) => ({
      most: settings.postgres.maxConnections,
      key: "berth:postgres.maxConnections",
      // Kept for jobs, metrics, the superuser and people.
      spare: 15,
      otherwise: "a smaller berth:postgres.poolSize",
    }),
    device: ({ settings }) => ({ key: "berth:postgres.device", folder: settings.postgres.device }),
    database,
    drawings: postgresDrawings,
    rules: "postgres.yml",
    backup: {
      module: "database",
      file: "database.dump",
      programs: ["pg_dump", "pg_restore", "psql", "initdb", "pg_ctl"],
      image: "POSTGRES_IMAGE",
      work: (args) => home(majorOf(args)),
      restore: { service: "postgres", script: "data/postgres/restore.sh", how: "beside", ...versions },
      gives: (args) => ({
        // The job postgres-roles makes the owner of all tables on any server.
        tells: { host: SOCKET.path, user: "backup", database: database(args), roles: ["app_owner"], ...versions },
        volumes: [{ ...SOCKET, keep: "scratch", readOnly: true }],
      }),
    },
  });
}
