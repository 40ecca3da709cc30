/** What the variables of SampleMind's processes mean, and who sets them (systems/parts/variables.ts). */
import { CATALOGUE, chapter, kindsIn, type Variables } from "../parts/variables.ts";

const STORES = "the stores";

export const variables: Variables = {
  APP_ENV: { meaning: "Environment: shown in traces.", by: "`berth:environment`" },
  APP_VERSION: { meaning: "Version shown in logs, traces and metrics.", by: "the image: the version in package.json" },
  LOG_LEVEL: { meaning: "Least severe message that is written.", by: "`berth:logLevel`" },
  RELOAD: { meaning: "Restarts the process when its source changes.", by: "`berth:sourceMounts`" },
  PORT: { meaning: "Port inside the container.", by: CATALOGUE },
  OTEL_EXPORTER_OTLP_ENDPOINT: { meaning: "Where traces go.", by: `${CATALOGUE}, where Jaeger and the collector run` },
  OTEL_SERVICE_NAME: { meaning: "Name in traces.", by: CATALOGUE },
  MONGO_DATABASE: { meaning: "Name of the database.", by: "`berth:mongo.database`" },
  CHROMA_URL: { meaning: "Where Chroma answers.", by: STORES },
  MONGO_URL_FILE: { meaning: "URL of MongoDB, with the current user.", by: "`berth:mongoPassword`" },
  REDIS_URL_FILE: { meaning: "URL of Redis, with the current user.", by: "`berth:redisPassword`" },
  SAMPLES_DIR: { meaning: "Folder of the samples.", by: CATALOGUE },
  MAX_UPLOAD_MB: { meaning: "Largest sample, in MB.", by: "`berth:maxUploadMb`" },
  UPLOAD_TIMEOUT: { meaning: "Seconds without a byte after which an upload is given up." },
  SESSION_TTL: { meaning: "Seconds that a session is good for." },
  COOKIE_SECURE: { meaning: "Sends the cookie over TLS alone, whatever the edge says of the request." },
  LOGINS_PER_MINUTE: {
    meaning: "Log-ins a minute of one user from one address; five times as many of an address, ten times of a user.",
  },
  WAIT_FOR_STORES: { meaning: "Seconds for which a Celery service waits for Redis and MongoDB at its start." },
  ANALYSIS_MAX_SECONDS: { meaning: "Seconds of sound that are analysed; what is longer is analysed up to there." },
  ANALYSIS_MEMORY_MB: { meaning: "Memory of a process that analyses, in MB." },
  STATISTICS_EVERY: { meaning: "Seconds between two looks at the whole library." },
  REQUEUE_AFTER: { meaning: "Seconds after which a sample that waits is handed in again." },
  CELERY_CONCURRENCY: { meaning: "Jobs that one worker runs at a time, each in a process.", by: CATALOGUE },
  CELERY_PREFETCH_MULTIPLIER: { meaning: "Jobs that each of them takes from the queue ahead." },
  CELERY_AUTOSCALE_MIN: { meaning: "Least processes of a worker; only with CELERY_AUTOSCALE_MAX." },
  CELERY_AUTOSCALE_MAX: { meaning: "Most processes of a worker; only with CELERY_AUTOSCALE_MIN." },
  CELERY_TASK_TIME_LIMIT: {
    meaning: "Seconds after which a job is ended. More than the worker's `stopGrace`: a release may cut it off.",
    by: CATALOGUE,
  },
  CELERY_TASK_SOFT_TIME_LIMIT: { meaning: "Seconds after which a job is told to end." },
  CELERY_MAX_TASKS_PER_CHILD: { meaning: "Jobs after which a process is replaced." },
  CELERY_RESULT_EXPIRES: { meaning: "Seconds for which results stay in Redis; 0: they are not kept." },
  AI_PROVIDER_URL: { meaning: "An OpenAI-compatible interface." },
  AI_PROVIDER_MODEL: { meaning: "Model that describes samples." },
  AI_PROVIDER_TIMEOUT: { meaning: "Seconds that it may take." },
  AI_PROVIDER_KEY_FILE: { meaning: "Its key; without it samples are not described.", by: "`berth:aiProviderKey`" },
  SESSION_SECRET_FILE: {
    meaning: "Key that signs sessions, and those that still verify, one a line.",
    by: "`berth:sessionSecret`",
  },
  USERS_FILE: { meaning: "Who may log in, as JSON.", by: "`berth:adminPassword`, or `berth:seedPassword`" },
  FLOWER_BASIC_AUTH_FILE: { meaning: "User and password of Flower.", by: "`berth:flowerPassword`" },
};

const SETTINGS = "services/samplemind/src/samplemind/settings.py";

/** What the variables take that are no text. */
export const kinds = () => kindsIn(SETTINGS);

export const environment = (): string =>
  chapter(
    "Environment of SampleMind's processes",
    "pulumi config set --path berth:services.worker.environment.CELERY_CONCURRENCY 4 --stack samplemind-dev",
    SETTINGS,
    variables,
  );
