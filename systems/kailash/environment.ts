/** What the variables of Kailash's processes mean, and who sets them (systems/parts/variables.ts). */
import { CATALOGUE, chapter, kindsIn, type Variables } from "../parts/variables.ts";

export const variables: Variables = {
  APP_ENV: { meaning: "Environment: shown in traces.", by: "`berth:environment`" },
  APP_VERSION: { meaning: "Version shown in logs, traces and metrics.", by: "the image: the version in package.json" },
  DEBUG_PORT: { meaning: "Port that a debugger may attach to.", by: "`berth:debug` with `berth:imageTarget`" },
  OTEL_EXPORTER_OTLP_ENDPOINT: { meaning: "Where traces go.", by: `${CATALOGUE}, where Jaeger and the collector run` },
  OTEL_SERVICE_NAME: { meaning: "Name in traces.", by: CATALOGUE },
  DATAFLOW_URL: { meaning: "The service dataflow, through the edge's internal listener.", by: CATALOGUE },
  NEO4J_URL: { meaning: "Where the graph answers.", by: "the stores" },
  NEO4J_AUTH_FILE: {
    meaning: "User and password of the graph, with a colon between them.",
    by: "`berth:neo4jPassword`",
  },
  DATABASE_URL_FILE: { meaning: "URL of the database, with the current role.", by: "`berth:postgresPassword`" },
  REDIS_URL_FILE: { meaning: "URL of Redis, with the current user: Nexus's sessions.", by: "`berth:redisPassword`" },
  API_TOKENS_FILE: {
    meaning: "Tokens of those who may call, one a line; our own services call with the first.",
    by: "`berth:apiToken`",
  },
  WEBSOCKET_PORT: { meaning: "Port of MCP over WebSocket, inside the container.", by: CATALOGUE },
  WEBSOCKET_CONNECTIONS: { meaning: "Most of its connections at a time.", by: CATALOGUE },
  DRAIN_SECONDS: {
    meaning:
      "Seconds that calls over WebSocket get when the process is stopped. More than the catalogue's: `stopGrace` ends.",
    by: CATALOGUE,
  },
  MCP_ALLOWED_HOSTS: {
    meaning: "Names that a request for MCP may come by, with `:*` for any port; another is answered with 421.",
    by: `${CATALOGUE}, by \`berth:publicUrl\``,
  },
  SESSION_TTL: { meaning: "Seconds that a session of Nexus lives without being used." },
  NODE_CACHE_DIR: { meaning: "Folder that keeps what DataFlow generated.", by: CATALOGUE },
  NODE_POOL_SIZE: { meaning: "Connections to PostgreSQL of the generated nodes of one process.", by: CATALOGUE },
  INDEXERS: { meaning: "Documents that one process indexes at a time; 0: none.", by: CATALOGUE },
  EMBEDDINGS_URL: { meaning: "An OpenAI-compatible interface." },
  EMBEDDINGS_MODEL: { meaning: "Model that makes vectors; another indexes all documents anew." },
  EMBEDDINGS_KEY_FILE: {
    meaning: "Its key; without it a small model of our own makes them.",
    by: "`berth:embeddingsKey`",
  },
  SEED: { meaning: "Loads three documents; read by `migrate` alone.", by: "`berth:seed`" },
};

const SETTINGS = "services/kailash/src/knowledge/settings.py";

/** What the variables take that are no text. */
export const kinds = () => kindsIn(SETTINGS);

export const environment = (): string =>
  chapter(
    "Environment of Kailash's processes",
    "pulumi config set --path berth:services.dataflow.environment.INDEXERS 2 --stack kailash-dev",
    SETTINGS,
    variables,
  );
