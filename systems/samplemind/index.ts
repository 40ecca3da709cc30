/** SampleMind: a library of audio samples that are analysed, searched and compared (requirements SM). */
import { secretPath } from "../../plan/files.ts";
import { healthCheck } from "../../plan/health.ts";
import type { ImageSpec, ServiceSpec, Template } from "../../plan/types.ts";
import type { Args } from "../part.ts";
import { tracesUrl } from "../parts/monitoring-logs.ts";
import { pythonHealth, pythonImage } from "../parts/python.ts";
import { chroma } from "../stores/chroma.ts";
import { mongo } from "../stores/mongo.ts";
import { redis } from "../stores/redis.ts";
import type { Kept } from "../stores/store.ts";
import { system } from "../system.ts";
import { environment, kinds } from "./environment.ts";
import { drawings } from "./panels.ts";
import { secrets } from "./secrets.ts";
import { entries } from "./services/index.ts";
import { settings } from "./settings.ts";

type SampleMindArgs = Args<typeof settings>;

const PYTHON = "python:3.12-slim";
const IMAGE = { build: "samplemind" };
/** Uid and gid of the user `samplemind` in the image. */
const USER = { uid: 1000, gid: 1000 };
const BACKEND = 8000;
const SAMPLES = { name: "samples", path: "/var/lib/samplemind/samples", keep: "data" } as const;

/** The audio itself: it is backed up with what the stores know of it. */
const samples: Kept = {
  name: "samples",
  title: "samples",
  backup: {
    module: "files",
    file: "samples.tar",
    programs: [],
    restore: { service: "backend", script: "data/samples/restore.sh", how: "in place" },
    gives: () => ({ tells: { path: SAMPLES.path }, volumes: [{ ...SAMPLES, readOnly: true }], gid: USER.gid }),
  },
};

export const samplemind = system({
  name: "samplemind",
  settings,
  secrets,
  images: { python: PYTHON, node: "node:20-alpine", frontendNginx: "nginx:1.25-alpine" },
  stores: [
    mongo({ prefix: "sm", python: PYTHON }),
    redis({ image: "redis:7.2", major: 7 }),
    chroma({ python: PYTHON }),
  ],
  keeps: [samples],
  builds,
  services: (args) => [backend(args), worker(args), beat(args), flower(args), frontend(args)],
  entries,
  credentials: ({ settings }) => ({
    backend: settings.seed
      ? "alice@example.com, bob@example.com: @{seedPassword}"
      : `${settings.adminEmail}: @{adminPassword}`,
    flower: "admin @{flowerPassword}",
  }),
  drawings,
  documentation: environment,
});

function builds(args: SampleMindArgs): Record<string, ImageSpec> {
  const { settings, baseImage } = args;
  const { uid, gid } = USER;
  return {
    samplemind: pythonImage("samplemind", args, {
      OWNER_UID: String(uid),
      OWNER_GID: String(gid),
      FOLDER: SAMPLES.path,
      OPTIMIZE: "2",
    }),
    "samplemind-frontend": {
      context: "services/samplemind-frontend",
      target: settings.imageTarget,
      args: { NODE_IMAGE: baseImage("node"), NGINX_IMAGE: baseImage("frontendNginx") },
    },
  };
}

/** What the services of the one image have in common. */
function application(
  args: SampleMindArgs,
  spec: Pick<ServiceSpec, "name" | "kind" | "health" | "limits"> & Partial<ServiceSpec>,
): ServiceSpec {
  const { settings } = args;
  const traces = tracesUrl(args);
  return {
    tier: "app",
    image: IMAGE,
    ...USER,
    sources: { "services/samplemind/src": "/app/src" },
    variables: kinds(),
    ...spec,
    networks: ["app", "monitoring", ...(spec.networks ?? [])],
    environment: {
      APP_ENV: settings.environment,
      LOG_LEVEL: settings.logLevel,
      DEBUG: settings.debug,
      ...(settings.sourceMounts ? { RELOAD: true } : {}),
      ...(traces === undefined ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: traces }),
      SERVICE: spec.name,
      OTEL_SERVICE_NAME: spec.name,
      // What runs side by side are Celery's children, not threads in each of them.
      OPENBLAS_NUM_THREADS: 1,
      ...(spec.port === undefined ? {} : { PORT: spec.port }),
      ...spec.environment,
    },
  };
}

/** Who may log in: the test users, or the first one. */
const users = ({ settings }: SampleMindArgs): Template =>
  JSON.stringify(
    settings.seed
      ? ["alice@example.com", "bob@example.com"].map((email) => ({ email, password: "@{seedPassword}" }))
      : [{ email: settings.adminEmail, password: "@{adminPassword}" }],
  ).replaceAll(/"@\{(\w+)\}"/g, "@{$1|json}");

const backend = (args: SampleMindArgs): ServiceSpec =>
  application(args, {
    name: "backend",
    kind: "stateless",
    uses: ["mongo", "redis", "chroma"],
    port: BACKEND,
    command: ["python", "-m", "berth"],
    route: {
      public: "/api",
      check: "/api/auth/me",
      readTimeout: 120,
      // MiB: what is a byte too long is told so by the application, what is much longer by the edge.
      bodyLimit: args.settings.maxUploadMb + 1,
    },
    metrics: {},
    environment: {
      PUBLIC_URL: args.publicUrl,
      SAMPLES_DIR: SAMPLES.path,
      MAX_UPLOAD_MB: args.settings.maxUploadMb,
      UVICORN_WORKERS: 4,
      UVICORN_LOOP: "uvloop",
      SESSION_SECRET_FILE: secretPath("session-secret"),
      USERS_FILE: secretPath("users.json"),
    },
    secrets: { "session-secret": "@{sessionSecret}\n@{sessionSecret|previous}\n", "users.json": users(args) },
    volumes: [SAMPLES],
    health: pythonHealth(BACKEND, "/ready?scope=data"),
    limits: { memory: 1024, cpus: 1 },
    stopGrace: 60,
  });

/** A process of Celery: the image of the backend, by its own entry point. */
const celery = (
  args: SampleMindArgs,
  mode: "worker" | "beat" | "flower",
  spec: Pick<ServiceSpec, "kind" | "health" | "limits"> & Partial<ServiceSpec>,
): ServiceSpec => application(args, { name: mode, entrypoint: ["celery-entrypoint"], command: [mode], ...spec });

/** Where the process beside a worker, or a thread of beat's, answers for it. */
const COMPANION = 8001;
/** Seconds after which a job is ended; a release waits a little longer for those at work. */
const TIME_LIMIT = 300;

function worker(args: SampleMindArgs): ServiceSpec {
  const described = args.has("aiProviderKey");
  return celery(args, "worker", {
    kind: "stateless",
    uses: ["mongo", "redis", "chroma"],
    environment: {
      SAMPLES_DIR: SAMPLES.path,
      MAX_UPLOAD_MB: args.settings.maxUploadMb,
      CELERY_CONCURRENCY: 2,
      CELERY_TASK_TIME_LIMIT: TIME_LIMIT,
      ...(described ? { AI_PROVIDER_KEY_FILE: secretPath("ai-provider-key") } : {}),
    },
    secrets: described ? { "ai-provider-key": "@{aiProviderKey}" } : {},
    networks: described ? ["egress"] : [],
    volumes: [SAMPLES],
    port: COMPANION,
    metrics: {},
    // Not `celery inspect ping`, which takes a second of processor time: celery-entrypoint ping is for people.
    health: pythonHealth(COMPANION, "/ready?scope=data"),
    limits: { memory: 1024, cpus: 1 },
    stopGrace: TIME_LIMIT + 30,
  });
}

/** Tried, it would wait for stores that are not there: what shows is whether its image has all that it imports. */
const IMPORTS = { command: ["python", "-c", "import samplemind.jobs.main"] };

const beat = (args: SampleMindArgs): ServiceSpec =>
  celery(args, "beat", {
    // Two of them would hand in everything twice.
    kind: "stateful",
    uses: ["mongo", "redis"],
    port: COMPANION,
    metrics: {},
    health: pythonHealth(COMPANION, "/ready?scope=data"),
    limits: { memory: 256, cpus: 0.5 },
    rehearsal: IMPORTS,
    stopGrace: 15,
  });

const FLOWER = 5555;
const flower = (args: SampleMindArgs): ServiceSpec =>
  celery(args, "flower", {
    kind: "stateful",
    uses: ["mongo", "redis"],
    port: FLOWER,
    publish: { flower: FLOWER },
    metrics: {},
    environment: { FLOWER_BASIC_AUTH_FILE: secretPath("flower-login") },
    secrets: { "flower-login": "admin:@{flowerPassword}" },
    health: healthCheck.bash(FLOWER, "/healthcheck"),
    rehearsal: IMPORTS,
    limits: { memory: 256, cpus: 0.5 },
    stopGrace: 15,
  });

/** Static files on nginx; in development Vite, of which there is one, because it has a port of this machine. */
function frontend({ settings }: SampleMindArgs): ServiceSpec {
  const common = {
    name: "frontend",
    tier: "app",
    image: { build: "samplemind-frontend" },
    // The engine tells of a container to who shares a network with it.
    networks: ["app", "monitoring"],
    route: { public: "/", check: "/" },
    stopGrace: 15,
  } as const;
  const folder = "services/samplemind-frontend";
  return settings.imageTarget === "development"
    ? {
        ...common,
        kind: "stateful",
        ...USER,
        port: 3000,
        publish: { frontend: 3000 },
        environment: { API_URL: `http://backend:${BACKEND}` },
        sources: { [`${folder}/src`]: "/app/src", [`${folder}/public`]: "/app/public" },
        // Alpine's image of Node has neither bash nor curl.
        health: healthCheck.command([
          "node",
          "-e",
          "fetch('http://127.0.0.1:3000/').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))",
        ]),
        limits: { memory: 512, cpus: 1 },
      }
    : {
        ...common,
        kind: "stateless",
        uid: 101,
        gid: 101,
        port: 8080,
        health: healthCheck.command(["curl", "-fsS", "-m", "3", "-o", "/dev/null", "http://127.0.0.1:8080/health"], {
          interval: 8,
        }),
        limits: { memory: 128, cpus: 0.25 },
      };
}
