/**
 * Until when the lines of the images that the systems name are maintained, and by whose word. Whoever changes a tag
 * changes its line here, and the table in docs/images.md, which a test holds to this.
 */
export interface Line {
  /** Image without its tag. */
  readonly image: string;
  /** What the tags of the line begin with. */
  readonly tags: string;
  /** Last day, as 2026-12-31. @default nobody says one: `ends` says what ends it */
  readonly until?: string;
  /** What ends a line that has no last day. */
  readonly ends?: string;
  /** Day on which somebody looked. */
  readonly looked: string;
  /** Where that is said. */
  readonly source: string;
}

const LOOKED = "2026-11-27";
const NEWEST = "with the next release: the project mends its newest only";

export const lines: readonly Line[] = [
  {
    image: "python",
    tags: "3.11-",
    until: "2027-10-31",
    looked: LOOKED,
    source: "https://devguide.python.org/versions/",
  },
  {
    image: "nginx",
    tags: "1.30",
    ends: "with the next stable line, 1.32, expected in spring 2027",
    looked: LOOKED,
    source: "https://endoflife.date/nginx",
  },
  {
    image: "pgvector/pgvector",
    tags: "pg17",
    until: "2029-11-08",
    looked: LOOKED,
    source: "https://www.postgresql.org/support/versioning/",
  },
  {
    image: "pgvector/pgvector",
    tags: "pg18",
    until: "2030-11-14",
    looked: LOOKED,
    source: "https://www.postgresql.org/support/versioning/",
  },
  {
    image: "redis",
    tags: "8.10",
    ends: "half a year after the next minor release, 8.12",
    looked: LOOKED,
    source: "https://redis.io/docs/latest/operate/oss_and_stack/install/version-mgmt/",
  },
  {
    image: "prom/prometheus",
    tags: "v3.13.",
    until: "2027-07-31",
    looked: LOOKED,
    source: "https://prometheus.io/docs/introduction/release-cycle/",
  },
  {
    image: "prom/alertmanager",
    tags: "v0.34.",
    ends: NEWEST,
    looked: LOOKED,
    source: "https://github.com/prometheus/alertmanager/blob/main/CHANGELOG.md",
  },
  {
    image: "prom/node-exporter",
    tags: "v1.12.",
    ends: NEWEST,
    looked: LOOKED,
    source: "https://github.com/prometheus/node_exporter/blob/master/CHANGELOG.md",
  },
  {
    image: "prometheuscommunity/postgres-exporter",
    tags: "v0.20.",
    ends: NEWEST,
    looked: LOOKED,
    source: "https://github.com/prometheus-community/postgres_exporter/blob/master/CHANGELOG.md",
  },
  {
    image: "oliver006/redis_exporter",
    tags: "v1.89.",
    ends: NEWEST,
    looked: LOOKED,
    source: "https://github.com/oliver006/redis_exporter/releases",
  },
  {
    image: "grafana/grafana",
    tags: "12.4.",
    until: "2027-05-24",
    looked: LOOKED,
    source: "https://grafana.com/docs/grafana/latest/upgrade-guide/when-to-upgrade/",
  },
  {
    image: "grafana/loki",
    tags: "3.7.",
    ends: "with the second minor release after it, 3.9",
    looked: LOOKED,
    source: "https://endoflife.date/grafana-loki",
  },
  {
    image: "victoriametrics/victoria-logs",
    tags: "v1.53.",
    ends: NEWEST,
    looked: LOOKED,
    source: "https://github.com/VictoriaMetrics/VictoriaLogs/blob/v1.52.1/SECURITY.md",
  },
  {
    image: "otel/opentelemetry-collector-contrib",
    tags: "0.162.",
    ends: `${NEWEST}, every two weeks`,
    looked: LOOKED,
    source: "https://github.com/open-telemetry/opentelemetry-collector-releases/blob/main/CHANGELOG.md",
  },
  {
    image: "jaegertracing/jaeger",
    tags: "2.20.",
    until: "2026-09-14",
    looked: LOOKED,
    source: "https://github.com/jaegertracing/jaeger/releases/tag/v2.21.0",
  },
  {
    image: "python",
    tags: "3.12-",
    until: "2028-10-31",
    looked: LOOKED,
    source: "https://devguide.python.org/versions/",
  },
  { image: "node", tags: "20-", until: "2026-04-30", looked: LOOKED, source: "https://endoflife.date/nodejs" },
  { image: "nginx", tags: "1.25", until: "2024-05-29", looked: LOOKED, source: "https://endoflife.date/nginx" },
  {
    image: "neo4j",
    tags: "5.26",
    until: "2028-06-01",
    looked: LOOKED,
    source: "https://neo4j.com/developer-blog/neo4j-v5-lts-evolution",
  },
  { image: "mongo", tags: "7.0", until: "2027-08-31", looked: LOOKED, source: "https://endoflife.date/mongodb" },
  {
    image: "redis",
    tags: "7.2",
    until: "2029-12-01",
    looked: LOOKED,
    source: "https://redis.io/docs/latest/operate/oss_and_stack/install/version-mgmt/",
  },
  {
    image: "ghcr.io/ferretdb/ferretdb",
    tags: "1.24.",
    ends: "it has: the project mends 2.x, which needs a PostgreSQL with extensions of its own",
    looked: LOOKED,
    source: "https://github.com/FerretDB/FerretDB/releases",
  },
  {
    image: "chromadb/chroma",
    tags: "1.5.",
    ends: NEWEST,
    looked: LOOKED,
    source: "https://github.com/chroma-core/chroma/releases",
  },
];
