/** Every image that is pulled, named once. `berth:baseImages` replaces any of them. */
import type { Settings } from "../config/schema.ts";

const images = {
  python: "python:3.11-slim",
  nginx: "nginx:1.30",
  postgres: "pgvector/pgvector:pg17",
  redis: "redis:8.0",
  prometheus: "prom/prometheus:v2.53.3",
  alertmanager: "prom/alertmanager:v0.28.1",
  postgresExporter: "prometheuscommunity/postgres-exporter:v0.17.1",
  redisExporter: "oliver006/redis_exporter:v1.69.0-alpine",
  grafana: "grafana/grafana:11.6.1",
  loki: "grafana/loki:3.2.1",
  collector: "otel/opentelemetry-collector-contrib:0.165.0",
  jaeger: "jaegertracing/all-in-one:1.62.0",
  nodeExporter: "prom/node-exporter:v1.9.0",
} as const;

export type BaseImage = keyof typeof images;
/** What `berth:baseImages` can name. */
export const baseImageNames = Object.keys(images) as BaseImage[];

/** The reference that the stack uses for a base image. */
export const baseImage = (name: BaseImage, settings: Settings): string => settings.baseImages[name] ?? images[name];
