/**
 * Kailash: a knowledge platform on the SDKs of that name. Documents come in, and questions are answered with passages
 * and the graph's neighbours, through an API, MCP and Nexus (requirements KD).
 */
import { secretPath } from "../../plan/files.ts";
import type { ServiceSpec } from "../../plan/types.ts";
import type { Args } from "../part.ts";
import { edgeUrl } from "../parts/edge.ts";
import { runOnce, succeeded } from "../parts/job.ts";
import { tracesUrl } from "../parts/monitoring-logs.ts";
import { PYTHON_UID, pythonHealth, pythonImage, pythonImages } from "../parts/python.ts";
import { neo4j } from "../stores/neo4j.ts";
import { postgres } from "../stores/postgres.ts";
import { redis } from "../stores/redis.ts";
import { system } from "../system.ts";
import { environment, kinds } from "./environment.ts";
import { drawings } from "./panels.ts";
import { secrets } from "./secrets.ts";
import { entries } from "./services/index.ts";
import { settings } from "./settings.ts";

type KailashArgs = Args<typeof settings>;

const IMAGE = { build: "kailash" };
const [API, MCP, MCP_WEBSOCKET, NEXUS, DATAFLOW, NEXUS_WEBSOCKET] = [8000, 8001, 8002, 8003, 8004, 8005];
/** Seconds that calls over WebSocket get when their service stops, after the requests have had theirs. */
const DRAIN = 20;

export const kailash = system({
  name: "kailash",
  settings,
  secrets,
  images: pythonImages,
  stores: [
    postgres({ prefix: "kd", migrations: "migrate", versions: ["public.schema_migrations", "max(version)"] }),
    redis(),
    neo4j({ python: pythonImages.python }),
  ],
  builds: (args) => ({ kailash: pythonImage("kailash", args) }),
  services: (args) => [migrate(args), dataflow(args), api(args), mcp(args), nexus(args)],
  entries,
  credentials: { api: "Authorization: Bearer @{apiToken}" },
  drawings,
  documentation: environment,
});

function common(args: KailashArgs, name: string) {
  const { settings } = args;
  const traces = tracesUrl(args);
  return {
    SERVICE: name,
    APP_ENV: settings.environment,
    LOG_LEVEL: settings.logLevel,
    OTEL_SERVICE_NAME: name,
    ...(settings.sourceMounts ? { RELOAD: true } : {}),
    // Not published: two containers of a service share the moment of a release, and would want one host port.
    ...(settings.debug && settings.imageTarget === "development" ? { DEBUG_PORT: 5678 } : {}),
    ...(traces === undefined ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: traces }),
  };
}

/** What the four services have in common. Only a hung process is restarted. */
function application(
  args: KailashArgs,
  spec: Pick<ServiceSpec, "name" | "limits"> & Partial<ServiceSpec> & { readonly port: number },
): ServiceSpec {
  return {
    tier: "app",
    kind: "stateless",
    image: IMAGE,
    uid: PYTHON_UID,
    command: ["python", "-m", "berth"],
    metrics: {},
    health: pythonHealth(spec.port, "/health"),
    sources: { "services/kailash/src": "/app/src", "services/python/app/lib": "/app/lib" },
    // Longer than requests under way get (berth/__main__.py).
    stopGrace: 60,
    variables: kinds(),
    ...spec,
    networks: ["app", "monitoring", ...(spec.networks ?? [])],
    environment: {
      ...common(args, spec.name),
      PORT: spec.port,
      API_TOKENS_FILE: secretPath("api-tokens"),
      ...spec.environment,
    },
    secrets: { "api-tokens": "@{apiToken}\n@{apiToken|previous}\n", ...spec.secrets },
  };
}

/**
 * What users reach. Whether it lives decides who gets requests: to `dataflow` leads the edge, which is there when all
 * of these are, and asks each for an answer before a release goes live.
 */
const channel = (args: KailashArgs, spec: Parameters<typeof application>[1]): ServiceSpec =>
  application(args, {
    after: ["dataflow"],
    ...spec,
    environment: { DATAFLOW_URL: edgeUrl(DATAFLOW), ...spec.environment },
  });

const api = (args: KailashArgs): ServiceSpec =>
  channel(args, {
    name: "api",
    port: API,
    route: { public: "/v1", check: "/v1/documents" },
    limits: { memory: 256, cpus: 1, least: 160 },
  });

const mcp = (args: KailashArgs): ServiceSpec =>
  channel(args, {
    name: "mcp",
    port: MCP,
    route: { public: "/mcp", check: "/mcp" },
    routes: [{ public: "/mcp/ws", port: MCP_WEBSOCKET, check: "/mcp/ws", websocket: true }],
    environment: {
      WEBSOCKET_PORT: MCP_WEBSOCKET,
      WEBSOCKET_CONNECTIONS: 200,
      DRAIN_SECONDS: DRAIN,
      MCP_ALLOWED_HOSTS: hosts(args.publicUrl).join(","),
    },
    limits: { memory: 384, cpus: 1, least: 256 },
    stopGrace: 60 + DRAIN,
  });

/** Names that a request for MCP may come by, as what guards against names that lead elsewhere has them. */
const hosts = (publicUrl: string): string[] =>
  [...new Set([URL.parse(publicUrl)?.hostname ?? "", "mcp", "127.0.0.1", "localhost"])]
    .filter(Boolean)
    .flatMap((host) => [host, `${host}:*`]);

const nexus = (args: KailashArgs): ServiceSpec =>
  channel(args, {
    name: "nexus",
    uses: ["redis"],
    port: NEXUS,
    route: { public: "/nexus", check: "/nexus/workflows" },
    routes: [{ public: "/nexus/mcp", port: NEXUS_WEBSOCKET, check: "/nexus/mcp", websocket: true }],
    environment: { WEBSOCKET_PORT: NEXUS_WEBSOCKET, WEBSOCKET_CONNECTIONS: 200, DRAIN_SECONDS: DRAIN },
    limits: { memory: 512, cpus: 1, least: 320 },
    stopGrace: 60 + DRAIN,
  });

const NODE_POOL = 4;
const NODES = { name: "dataflow-nodes", path: "/var/lib/service", keep: "data" } as const;

function dataflow(args: KailashArgs): ServiceSpec {
  const provider = args.has("embeddingsKey");
  return application(args, {
    name: "dataflow",
    uses: ["postgres", "neo4j"],
    port: DATAFLOW,
    route: { internal: DATAFLOW, check: "/v1/nodes" },
    // Without the graph documents are taken all the same: whether the database answers is what counts.
    health: pythonHealth(DATAFLOW, "/ready?scope=data"),
    networks: provider ? ["egress"] : [],
    environment: {
      NODE_CACHE_DIR: NODES.path,
      NODE_POOL_SIZE: NODE_POOL,
      INDEXERS: 1,
      ...(provider ? { EMBEDDINGS_KEY_FILE: secretPath("embeddings-key") } : {}),
    },
    secrets: provider ? { "embeddings-key": "@{embeddingsKey}" } : {},
    volumes: [NODES],
    // Its nodes have a pool of their own, which lends one more; DataFlow keeps another one.
    connections: { variable: "DB_POOL_SIZE", besides: NODE_POOL + 2 },
    limits: { memory: 512, cpus: 1, least: 384 },
  });
}

const migrate = (args: KailashArgs): ServiceSpec => ({
  name: "migrate",
  tier: "app",
  kind: "job",
  image: IMAGE,
  uid: PYTHON_UID,
  uses: ["postgres", "neo4j"],
  command: runOnce("migrate"),
  variables: kinds(),
  environment: { ...common(args, "migrate"), ...(args.settings.seed ? { SEED: true } : {}) },
  networks: [],
  health: succeeded,
  limits: { memory: 512, cpus: 1, least: 384 },
});
