/** A personal assistant: an API, an agent, background workers and an SMS router from one image (requirements PA). */
import { healthCheck } from "../plan/health.ts";
import type { Catalogue, CatalogueArgs, NetworkName, ServiceSpec } from "../plan/types.ts";
import { baseImage, baseImageNames } from "./images.ts";
import { backup, backupImage } from "./parts/backup.ts";
import { edge, edgeImage, edgeUrl } from "./parts/edge.ts";
import { runOnce, succeeded } from "./parts/job.ts";
import { monitoring } from "./parts/monitoring.ts";
import { collectorImage, tracesUrl } from "./parts/monitoring-logs.ts";
import { postgres, postgresPrune, postgresSchema, postgresUrl } from "./parts/postgres.ts";
import { redis, redisPrune, redisUrl } from "./parts/redis.ts";

const IMAGE = { build: "assistant" };
const UID = 10001;
const DATA: readonly NetworkName[] = ["app", "data", "monitoring"];
const AGENT = 8001;
/** What an application opens beside its pool: the probe that listens, and the one that takes its place. */
const POOL = { variable: "DB_POOL_SIZE", besides: 2 } as const;

export const assistant: Catalogue = (args) => {
  const database = args.settings.database ?? `pa_${args.settings.environment}`;
  const services = [
    ...postgres(args, database),
    ...redis(args),
    ...jobs(args, database),
    ...applications(args, database),
  ];
  const all = [
    ...services,
    ...edge(args, services),
    // What ends a release: the routes, then the credentials of the release before.
    postgresPrune(args, database, ["edge-routes"]),
    redisPrune(args, ["edge-routes"]),
    ...backup(args, database, ["migrate", "redis-users"]),
  ];
  return {
    name: "assistant",
    database,
    schemaVersion: postgresSchema(database, "migrate"),
    images: {
      assistant: {
        context: "services/assistant",
        target: args.settings.imageTarget,
        args: { PYTHON_IMAGE: baseImage("python", args.settings) },
      },
      edge: edgeImage(args),
      ...backupImage(args),
      ...collectorImage(args),
    },
    baseImages: baseImageNames,
    services: [...all, ...monitoring(args, all)],
    credentials: {
      backup: "@{backupKey}",
      postgres: postgresUrl(database),
      redis: redisUrl(),
      grafana: "admin @{grafanaAdminPassword}",
      seed: "alice@example.com (admin), bob@example.com: @{seedPassword}",
    },
  };
};

/** Where an application finds its secrets: environment variables hold paths, files hold values. */
const dataSecrets = (database: string) => ({ "database-url": postgresUrl(database), "redis-url": redisUrl() });
const DATA_PATHS = { DATABASE_URL_FILE: "/run/secrets/database-url", REDIS_URL_FILE: "/run/secrets/redis-url" };

const common = ({ settings }: CatalogueArgs, traces: string | undefined) => ({
  APP_ENV: settings.environment,
  LOG_LEVEL: settings.logLevel,
  DEBUG: settings.debug,
  ...(settings.sourceMounts ? { RELOAD: true } : {}),
  // Not published: two containers of a service share the moment of a release, and would want one host port. From this
  // machine a debugger reaches a container by its address (docs/troubleshooting.md).
  ...(settings.debug && settings.imageTarget === "development" ? { DEBUG_PORT: 5678 } : {}),
  ...(traces === undefined ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: traces }),
});

/**
 * What the four applications have in common. The gate is readiness of the data
 * stores; only a hung process is restarted.
 */
function application(
  args: CatalogueArgs,
  database: string,
  spec: {
    name: string;
    port: number;
    environment?: Record<string, string | number | boolean>;
    secrets?: Record<string, string>;
  } & Pick<ServiceSpec, "limits"> &
    Partial<ServiceSpec>,
): ServiceSpec {
  const at = `http://127.0.0.1:${spec.port}`;
  return {
    tier: "app",
    kind: "stateless",
    image: IMAGE,
    uid: UID,
    networks: DATA,
    metrics: {},
    command: ["assistant", spec.name],
    after: ["migrate", "redis-users"],
    health: healthCheck.command(["assistant-health", `${at}/ready?scope=data`, `${at}/health`], {
      interval: 4,
      timeout: 8,
      startPeriod: 15,
    }),
    sources: { "services/assistant/src": "/app/src" },
    stopGrace: 60,
    connections: POOL,
    ...spec,
    environment: {
      ...common(args, tracesUrl(args)),
      ...DATA_PATHS,
      PORT: spec.port,
      OTEL_SERVICE_NAME: spec.name,
      SHUTDOWN_GRACE_SECONDS: 50,
      DB_POOL_SIZE: args.settings.postgres.poolSize,
      DB_STATEMENT_TIMEOUT: args.settings.postgres.statementTimeout,
      ...spec.environment,
    },
    secrets: { ...dataSecrets(database), ...spec.secrets },
  };
}

function applications(args: CatalogueArgs, database: string): ServiceSpec[] {
  const { has } = args;
  const internal = { INTERNAL_TOKEN_FILE: "/run/secrets/internal-token", AGENT_URL: edgeUrl(AGENT) };
  const internalSecret = { "internal-token": "@{internalToken}\n@{internalToken|previous}\n" };
  const outbound: readonly NetworkName[] = [...DATA, "egress"];
  return [
    application(args, database, {
      name: "api",
      port: 8000,
      route: { public: "/", check: "/health" },
      limits: { memory: 512, cpus: 1 },
      // Codes by SMS; the worker sends reminders.
      networks: has("twilioAccountSid") ? outbound : DATA,
      environment: {
        ...internal,
        PUBLIC_URL: args.publicUrl,
        JWT_KEYS_FILE: "/run/secrets/jwt-keys",
        MFA_KEYS_FILE: "/run/secrets/mfa-keys",
        ...(has("twilioAccountSid") ? twilioPaths(args) : {}),
      },
      secrets: {
        ...internalSecret,
        "jwt-keys": "@{jwtSigningKey}\n@{jwtSigningKey|previous}\n",
        "mfa-keys": "@{mfaEncryptionKey}\n@{mfaEncryptionKey|previous}\n",
        ...(has("twilioAccountSid") ? twilioSecrets(args) : {}),
      },
    }),
    application(args, database, {
      name: "agent",
      port: AGENT,
      route: { internal: AGENT, check: "/health", readTimeout: 120 },
      limits: { memory: 384, cpus: 1 },
      networks: has("llmApiKey") ? outbound : DATA,
      environment: {
        INTERNAL_TOKEN_FILE: internal.INTERNAL_TOKEN_FILE,
        ...(has("llmApiKey") ? { LLM_API_KEY_FILE: "/run/secrets/llm-api-key" } : {}),
      },
      secrets: { ...internalSecret, ...(has("llmApiKey") ? { "llm-api-key": "@{llmApiKey}" } : {}) },
    }),
    application(args, database, {
      name: "worker",
      port: 8002,
      limits: { memory: 512, cpus: 1 },
      stopGrace: 330,
      // A job has a connection of its own; so have the clock, the health check and what marks jobs that took too long.
      connections: { variable: "WORKER_CONCURRENCY", besides: 3 },
      networks: has("twilioAccountSid") ? outbound : DATA,
      environment: { WORKER_CONCURRENCY: 2, ...(has("twilioAccountSid") ? twilioPaths(args) : {}) },
      secrets: has("twilioAccountSid") ? twilioSecrets(args) : {},
    }),
    application(args, database, {
      name: "sms-router",
      port: 8003,
      optional: true,
      route: { public: "/sms", check: "/sms" },
      limits: { memory: 256, cpus: 0.5 },
      environment: { ...internal, PUBLIC_URL: args.publicUrl, ...(has("twilioAuthToken") ? twilioPaths(args) : {}) },
      secrets: { ...internalSecret, ...(has("twilioAuthToken") ? twilioSecrets(args) : {}) },
    }),
  ];
}

const twilioPaths = ({ has }: CatalogueArgs) => ({
  TWILIO_AUTH_TOKEN_FILE: "/run/secrets/twilio-auth-token",
  TWILIO_USER_NUMBERS_FILE: "/run/secrets/twilio-user-numbers",
  ...(has("twilioAccountSid") ? { TWILIO_ACCOUNT_SID_FILE: "/run/secrets/twilio-account-sid" } : {}),
});
const twilioSecrets = ({ has }: CatalogueArgs): Record<string, string> => ({
  "twilio-auth-token": "@{twilioAuthToken}",
  "twilio-user-numbers": "@{twilioUserNumbers}",
  ...(has("twilioAccountSid") ? { "twilio-account-sid": "@{twilioAccountSid}" } : {}),
});

function jobs(args: CatalogueArgs, database: string): ServiceSpec[] {
  const { allowDestructiveMigrations: allowed, schema } = args.settings;
  const job = (
    name: string,
    after: string[],
    environment: Record<string, string> = {},
    secrets: Record<string, string> = {},
  ): ServiceSpec => ({
    name,
    tier: "app",
    kind: "job",
    image: IMAGE,
    uid: UID,
    after,
    command: runOnce(`assistant ${name}`),
    environment: { ...common(args, tracesUrl(args)), ...DATA_PATHS, ...environment },
    secrets: { ...dataSecrets(database), ...secrets },
    networks: ["data"],
    health: succeeded,
    limits: { memory: 256, cpus: 1 },
  });
  const migrations = {
    ...(allowed === undefined ? {} : { ALLOW_DESTRUCTIVE: allowed }),
    ...(schema === undefined ? {} : { SCHEMA_REVISION: schema }),
  };
  return [
    job("migrate", ["postgres-roles", "redis-users"], migrations),
    ...(args.settings.seed
      ? [
          job(
            "seed",
            ["migrate"],
            { SEED_PASSWORD_FILE: "/run/secrets/seed-password" },
            { "seed-password": "@{seedPassword}" },
          ),
        ]
      : []),
  ];
}
