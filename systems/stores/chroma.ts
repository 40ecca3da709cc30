/**
 * Chroma: vectors, in one folder. It knows no log-ins: who is on the network `data` may do everything, and nobody else
 * reaches it.
 */
import { chromaDrawings } from "../../monitoring/dashboards/chroma.ts";
import { FILES } from "../../plan/files.ts";
import { healthCheck } from "../../plan/health.ts";
import type { ServiceSpec } from "../../plan/types.ts";
import type { Args } from "../part.ts";
import { content } from "../parts/content.ts";
import { type Store, store } from "./store.ts";
import { exporterOf, toolsImage } from "./tools.ts";

/** Uid that owns the folder of the data (services/chroma/Dockerfile). */
const UID = 1000;
const PORT = 8000;
const EXPORTER = 9217;

const server = (): ServiceSpec => ({
  name: "chroma",
  tier: "data",
  kind: "stateful",
  image: { build: "chroma" },
  uid: UID,
  command: ["run", `${FILES}/chroma.yaml`],
  config: { "chroma.yaml": content("data/chroma/chroma.yaml") },
  volumes: [{ name: "chroma-data", path: "/data", keep: "data" }],
  networks: ["data"],
  port: PORT,
  // The image has neither curl nor wget.
  health: healthCheck.bash(PORT, "/api/v2/heartbeat", { interval: 8, startPeriod: 30, retries: 5 }),
  limits: { memory: 512, cpus: 1 },
  stopGrace: 30,
});

export interface ChromaOptions {
  /** Image of Python that its exporter runs on. */
  readonly python: string;
}

export const chroma = ({ python }: ChromaOptions): Store =>
  store({
    name: "chroma",
    title: "Chroma",
    major: 1,
    scheme: "http",
    images: { chroma: "chromadb/chroma:1.5.9", python },
    settings: {},
    secrets: {},
    builds: (args: Args) => ({
      ...toolsImage(args),
      chroma: { context: "services/chroma", target: "runtime", args: { CHROMA_IMAGE: args.baseImage("chroma") } },
    }),
    server,
    exporter: () => exporterOf("chroma", EXPORTER, { after: ["chroma"] }),
    access: () => ({ networks: ["data"], secrets: {}, environment: { CHROMA_URL: `http://chroma:${PORT}` } }),
    drawings: chromaDrawings,
    rules: "chroma.yml",
    backup: {
      module: "vectors",
      file: "vectors.jsonl",
      programs: [],
      library: ["berth/chroma_admin.py"],
      restore: { service: "chroma-exporter", script: "data/chroma/restore.sh", how: "in place" },
      gives: () => ({ tells: { host: "chroma", port: PORT } }),
    },
  });
