/** What the variables of the assistant's processes mean, and who sets them (systems/parts/variables.ts). */
import { CATALOGUE, chapter, kindsIn, type Variables } from "../parts/variables.ts";

const POSTGRES = "`berth:postgres`, and whoever needs another";
const SMS = "`berth:twilioAuthToken`, `berth:twilioUserNumbers`";

export const variables: Variables = {
  APP_ENV: {
    meaning: "Environment: shown in traces and `/v1/version`; no test data in prod.",
    by: "`berth:environment`",
  },
  APP_VERSION: {
    meaning: "Version shown in logs, traces and `/v1/version`.",
    by: "the image: the version in package.json",
  },
  LOG_LEVEL: { meaning: "Least severe message that is written.", by: "`berth:logLevel`" },
  DEBUG: { meaning: "Shows the API's own documentation under `/docs`.", by: "`berth:debug`" },
  DEBUG_PORT: { meaning: "Port that a debugger may attach to.", by: "`berth:debug` with `berth:imageTarget`" },
  RELOAD: { meaning: "Restarts the process when its source changes.", by: "`berth:sourceMounts`" },
  PORT: { meaning: "Port inside the container.", by: CATALOGUE },
  AGENT_URL: { meaning: "The agent, through the edge's internal listener.", by: CATALOGUE },
  PUBLIC_URL: { meaning: "What users and Twilio type; part of Twilio's signature.", by: "`berth:publicUrl`" },
  SHUTDOWN_GRACE_SECONDS: { meaning: "What requests in flight get when the process is stopped.", by: CATALOGUE },
  DB_POOL_SIZE: { meaning: "Most connections to PostgreSQL of one process, its probe not counted.", by: POSTGRES },
  DB_POOL_TIMEOUT: { meaning: "Seconds that a request waits for a connection." },
  MAX_WAITING_REQUESTS: {
    meaning:
      "Requests that wait for their turn in one process. Where it would be more, what waited long is refused, and so is what would, until nobody waits.",
  },
  DB_STATEMENT_TIMEOUT: { meaning: "Seconds after which PostgreSQL ends a statement.", by: POSTGRES },
  ALLOW_DESTRUCTIVE: {
    meaning: "Revisions of the schema that may remove data, with a comma between them; read by `migrate` alone.",
    by: "`berth:allowDestructiveMigrations`",
  },
  SCHEMA_REVISION: {
    meaning: "Revision of the schema to go to, up or down; read by `migrate` alone.",
    by: "`berth:schema`",
  },
  JWT_ACCESS_TTL: { meaning: "Seconds that an access token is good for." },
  JWT_REFRESH_TTL: { meaning: "Seconds that a session in Redis lives without being used." },
  RATE_LIMIT_PER_MINUTE: { meaning: "Requests a minute of one user, or of one address; 0: no limit." },
  WORKER_CONCURRENCY: {
    meaning: "Jobs that one worker runs at a time, each in a process.",
    by: `${CATALOGUE}, and whoever needs another`,
  },
  WORKER_TASK_TIME_LIMIT: {
    meaning:
      "Seconds after which a job is ended. More than `stopGrace` of the worker (systems/assistant/index.ts): a release may cut it off.",
  },
  OTEL_EXPORTER_OTLP_ENDPOINT: { meaning: "Where traces go.", by: `${CATALOGUE}, where Jaeger and the collector run` },
  OTEL_SERVICE_NAME: { meaning: "Name in logs and traces.", by: CATALOGUE },
  LLM_BASE_URL: { meaning: "An OpenAI-compatible interface." },
  LLM_MODEL: { meaning: "Model that the agent asks for." },
  TWILIO_API_URL: { meaning: "Where outbound SMS go." },
  TWILIO_FROM_NUMBER: {
    meaning:
      "Sender of outbound SMS: a number with its plus and country (E.164), a short code or a name. Of the worker's reminders, and of the api's codes; without it they are not sent.",
  },
  DATABASE_URL_FILE: { meaning: "URL of the database, with the current role.", by: "`berth:postgresPassword`" },
  REDIS_URL_FILE: {
    meaning: "URL of Redis, with the current user: queue, sessions, rate limits.",
    by: "`berth:redisPassword`",
  },
  JWT_KEYS_FILE: { meaning: "Signing key, and those that still verify, one a line.", by: "`berth:jwtSigningKey`" },
  MFA_KEYS_FILE: {
    meaning: "Key that encrypts second factors, and those that still decrypt, one a line.",
    by: "`berth:mfaEncryptionKey`",
  },
  MFA_TOTP_ISSUER: { meaning: "Name that authenticator apps and SMS codes show; without a colon." },
  INTERNAL_TOKEN_FILE: {
    meaning: "Token between services, and those still accepted, one a line.",
    by: "`berth:internalToken`",
  },
  LLM_API_KEY_FILE: { meaning: "Key of the LLM.", by: "`berth:llmApiKey`" },
  TWILIO_ACCOUNT_SID_FILE: { meaning: "Account for outbound SMS.", by: "`berth:twilioAccountSid`" },
  TWILIO_AUTH_TOKEN_FILE: { meaning: "Verifies webhooks, sends SMS.", by: SMS },
  TWILIO_USER_NUMBERS_FILE: { meaning: "Number → user.", by: SMS },
  SEED_PASSWORD_FILE: {
    meaning: "Password of the test users, alice@example.com (admin) and bob@example.com; read by `seed` alone.",
    by: "`berth:seedPassword`, where `berth:seed` is on",
  },
};

/** Options that the requirements name (PA-45) and that are no variable of that name: where each is instead. */
export const elsewhere: readonly (readonly [options: string, place: string])[] = [
  [
    "API_PORT, AGENT_PORT, WORKER_PORT, SMS_ROUTER_PORT",
    "`PORT`, set by the catalogue; only the edge is published: `berth:ports.edge`",
  ],
  ["SMS_ROUTER_URL", "none: nothing calls it but the edge, under `/sms`"],
  ["POSTGRES_DB", "`berth:database`"],
  ["POSTGRES_USER", "none: the role is `app_<version of the password>`"],
  ["POSTGRES_PASSWORD, DATABASE_URL", "`berth:postgresPassword`; the URL is a file, `DATABASE_URL_FILE`"],
  ["DB_MAX_OVERFLOW, DB_POOL_RECYCLE", "none: the pool has no overflow, and tests a connection before it lends it"],
  ["REDIS_PASSWORD, REDIS_URL", "`berth:redisPassword`; the URL is a file, `REDIS_URL_FILE`"],
  ["REDIS_MAXMEMORY, REDIS_MAXMEMORY_POLICY", "two thirds of `berth:services.redis.memory`; `data/redis/redis.conf`"],
  ["CELERY_BROKER_URL", "`REDIS_URL_FILE`"],
  ["CELERY_RESULT_BACKEND", "none: results are rows of the table `jobs`"],
  ["WORKER_REPLICAS", "`berth:services.worker.replicas`"],
  ["JWT_SECRET_KEY", "`berth:jwtSigningKey`"],
  ["SESSION_TTL", "`JWT_REFRESH_TTL`"],
  ["MFA_ENCRYPTION_KEY", "`berth:mfaEncryptionKey`; a file, `MFA_KEYS_FILE`"],
  [
    "TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_USER_NUMBERS",
    "`berth:twilioAccountSid`, `berth:twilioAuthToken`, `berth:twilioUserNumbers`",
  ],
  ["PROMETHEUS_PORT, GRAFANA_PORT", "`berth:ports.prometheus`, `berth:ports.grafana`"],
  ["GRAFANA_ADMIN_PASSWORD", "`berth:grafanaAdminPassword`"],
  ["LOKI_URL", "none: `http://loki:3100`, where Loki runs"],
  ["BACKUP_SCHEDULE, BACKUP_RETENTION", "`berth:backup.every`, `berth:backup.keep`"],
  ["PG_ENCRYPTED_DEVICE", "`berth:postgres.device`: a folder on it"],
  ["SEED_TEST_DATA", "`berth:seed`"],
  ["RUN_MIGRATIONS", "none: every update runs what is new"],
];

const SETTINGS = "services/assistant/src/personal_assistant/config/settings.py";

/** What the variables take: all that settings.py reads. */
export const kinds = () => kindsIn(SETTINGS);

export const environment = (): string => `${chapter(
  "Environment of the assistant's processes",
  "pulumi config set --path berth:services.api.environment.DB_POOL_SIZE 10",
  SETTINGS,
  variables,
)}
Options of the requirements that have another place:

| option | place |
|---|---|
${elsewhere.map(([options, place]) => `| ${options} | ${place} |`).join("\n")}
`;
