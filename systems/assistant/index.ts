/** A personal assistant: an API, an agent, background workers and an SMS router from one image (requirements PA). */
import { secretPath } from "../../plan/files.ts";
import type { NetworkName, ServiceSpec } from "../../plan/types.ts";
import type { Args } from "../part.ts";
import { edgeUrl } from "../parts/edge.ts";
import { runOnce, succeeded } from "../parts/job.ts";
import { tracesUrl } from "../parts/monitoring-logs.ts";
import { PYTHON_LEAST, PYTHON_UID, pythonHealth, pythonImage, pythonImages } from "../parts/python.ts";
import { postgres } from "../stores/postgres.ts";
import { redis } from "../stores/redis.ts";
import { system } from "../system.ts";
import { environment, kinds } from "./environment.ts";
import { drawings } from "./panels.ts";
import { secrets } from "./secrets.ts";
import { entries } from "./services/index.ts";
import { settings } from "./settings.ts";

type AssistantArgs = Args<typeof settings>;

const IMAGE = { build: "assistant" };
const NETWORKS: readonly NetworkName[] = ["app", "monitoring"];
const STORES = ["postgres", "redis"];
const AGENT = 8001;
/** What an application opens beside its pool: the probe that listens, and the one that takes its place. */
const POOL = { variable: "DB_POOL_SIZE", besides: 2 } as const;

export const assistant = system({
  name: "assistant",
  settings,
  secrets,
  images: pythonImages,
  stores: [postgres({ prefix: "pa", migrations: "migrate" }), redis()],
  builds: (args) => ({ assistant: pythonImage("assistant", args) }),
  services: (args) => [...jobs(args), ...applications(args)],
  entries,
  credentials: { seed: "alice@example.com (admin), bob@example.com: @{seedPassword}" },
  drawings,
  documentation: environment,
});

const common = ({ settings }: AssistantArgs, traces: string | undefined) => ({
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
  args: AssistantArgs,
  spec: {
    name: string;
    port: number;
    environment?: Record<string, string | number | boolean>;
    secrets?: Record<string, string>;
  } & Pick<ServiceSpec, "limits"> &
    Partial<ServiceSpec>,
): ServiceSpec {
  return {
    tier: "app",
    kind: "stateless",
    image: IMAGE,
    uid: PYTHON_UID,
    uses: STORES,
    networks: NETWORKS,
    metrics: {},
    command: ["assistant", spec.name],
    health: pythonHealth(spec.port, "/ready?scope=data"),
    sources: { "services/assistant/src": "/app/src" },
    stopGrace: 60,
    connections: POOL,
    variables: kinds(),
    ...spec,
    environment: {
      ...common(args, tracesUrl(args)),
      PORT: spec.port,
      OTEL_SERVICE_NAME: spec.name,
      SHUTDOWN_GRACE_SECONDS: 50,
      ...spec.environment,
    },
  };
}

function applications(args: AssistantArgs): ServiceSpec[] {
  const { has } = args;
  const internal = { INTERNAL_TOKEN_FILE: secretPath("internal-token"), AGENT_URL: edgeUrl(AGENT) };
  const internalSecret = { "internal-token": "@{internalToken}\n@{internalToken|previous}\n" };
  const outbound: readonly NetworkName[] = [...NETWORKS, "egress"];
  return [
    application(args, {
      name: "api",
      port: 8000,
      route: { public: "/", check: "/health" },
      limits: { memory: 512, cpus: 1, least: PYTHON_LEAST },
      // Codes by SMS; the worker sends reminders.
      networks: has("twilioAccountSid") ? outbound : NETWORKS,
      environment: {
        ...internal,
        PUBLIC_URL: args.publicUrl,
        JWT_KEYS_FILE: secretPath("jwt-keys"),
        MFA_KEYS_FILE: secretPath("mfa-keys"),
        ...(has("twilioAccountSid") ? twilioPaths(args) : {}),
      },
      secrets: {
        ...internalSecret,
        "jwt-keys": "@{jwtSigningKey}\n@{jwtSigningKey|previous}\n",
        "mfa-keys": "@{mfaEncryptionKey}\n@{mfaEncryptionKey|previous}\n",
        ...(has("twilioAccountSid") ? twilioSecrets(args) : {}),
      },
    }),
    application(args, {
      name: "agent",
      port: AGENT,
      route: { internal: AGENT, check: "/health", readTimeout: 120 },
      limits: { memory: 384, cpus: 1, least: PYTHON_LEAST },
      networks: has("llmApiKey") ? outbound : NETWORKS,
      environment: {
        INTERNAL_TOKEN_FILE: internal.INTERNAL_TOKEN_FILE,
        ...(has("llmApiKey") ? { LLM_API_KEY_FILE: secretPath("llm-api-key") } : {}),
      },
      secrets: { ...internalSecret, ...(has("llmApiKey") ? { "llm-api-key": "@{llmApiKey}" } : {}) },
    }),
    application(args, {
      name: "worker",
      port: 8002,
      // Each of its jobs is a process.
      limits: { memory: 512, cpus: 1, least: 192 },
      stopGrace: 330,
      // A job has a connection of its own; so have the clock, the health check and what marks jobs that took too long.
      connections: { variable: "WORKER_CONCURRENCY", besides: 3 },
      networks: has("twilioAccountSid") ? outbound : NETWORKS,
      environment: { WORKER_CONCURRENCY: 2, ...(has("twilioAccountSid") ? twilioPaths(args) : {}) },
      secrets: has("twilioAccountSid") ? twilioSecrets(args) : {},
    }),
    application(args, {
      name: "sms-router",
      port: 8003,
      optional: true,
      route: { public: "/sms", check: "/sms" },
      limits: { memory: 256, cpus: 0.5, least: PYTHON_LEAST },
      environment: { ...internal, PUBLIC_URL: args.publicUrl, ...(has("twilioAuthToken") ? twilioPaths(args) : {}) },
      secrets: { ...internalSecret, ...(has("twilioAuthToken") ? twilioSecrets(args) : {}) },
    }),
  ];
}

const twilioPaths = ({ has }: AssistantArgs) => ({
  TWILIO_AUTH_TOKEN_FILE: secretPath("twilio-auth-token"),
  TWILIO_USER_NUMBERS_FILE: secretPath("twilio-user-numbers"),
  ...(has("twilioAccountSid") ? { TWILIO_ACCOUNT_SID_FILE: secretPath("twilio-account-sid") } : {}),
});
const twilioSecrets = ({ has }: AssistantArgs): Record<string, string> => ({
  "twilio-auth-token": "@{twilioAuthToken}",
  "twilio-user-numbers": "@{twilioUserNumbers}",
  ...(has("twilioAccountSid") ? { "twilio-account-sid": "@{twilioAccountSid}" } : {}),
});

function jobs(args: AssistantArgs): ServiceSpec[] {
  const { allowDestructiveMigrations: allowed, schema } = args.settings;
  const job = (
    name: string,
    environment: Record<string, string> = {},
    secrets: Record<string, string> = {},
  ): ServiceSpec => ({
    name,
    tier: "app",
    kind: "job",
    image: IMAGE,
    uid: PYTHON_UID,
    command: runOnce(`assistant ${name}`),
    variables: kinds(),
    environment: { ...common(args, tracesUrl(args)), ...environment },
    secrets,
    uses: STORES,
    networks: [],
    health: succeeded,
    limits: { memory: 256, cpus: 1, least: PYTHON_LEAST },
  });
  const migrations = {
    ...(allowed === undefined ? {} : { ALLOW_DESTRUCTIVE: allowed }),
    ...(schema === undefined ? {} : { SCHEMA_REVISION: schema }),
  };
  return [
    job("migrate", migrations),
    ...(args.settings.seed
      ? [job("seed", { SEED_PASSWORD_FILE: secretPath("seed-password") }, { "seed-password": "@{seedPassword}" })]
      : []),
  ];
}
