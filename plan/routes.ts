/** Routes of a system to the edge's configuration. Pure; the names of the containers come in at deployment. */
import { pace } from "./pace.ts";
import type { Route, ServiceSpec } from "./types.ts";

/** Ports inside the edge's container: unprivileged, because it does not run as root. */
export const EDGE_HTTP = 8080;
export const EDGE_HTTPS = 8443;
/** Internal listener with the edge's own metrics. */
export const EDGE_METRICS = 8090;
/** Ports that no internal route can have; on the last one the edge says that it lives (services/edge). */
export const OWN_PORTS: readonly number[] = [EDGE_HTTP, EDGE_HTTPS, EDGE_METRICS, 8089];

type Routed = ServiceSpec & { readonly route: Route; readonly port: number };
const routed = (services: readonly ServiceSpec[]): Routed[] =>
  services
    .filter((service): service is Routed => service.route !== undefined && service.port !== undefined)
    .sort((a, b) => a.name.localeCompare(b.name));

export interface EdgeArgs {
  /** Whether there is a certificate. */
  readonly tls: boolean;
  /** Seconds for which new containers must answer before the routes move. */
  readonly settle: number;
  /** Seconds that requests begun before a reload may take. */
  readonly drain: number;
}

const containersOf = ({ name, port, route }: ServiceSpec): string =>
  `${name} ${port} ${route?.probe ?? "/health"} @{containers:${name}}\n`;

/** Stateless applications without a route, such as workers: a release is not good while one of them dies. */
export const watched = (services: readonly ServiceSpec[]): ServiceSpec[] =>
  services.filter(
    (service) =>
      service.kind === "stateless" &&
      service.tier === "app" &&
      !service.route &&
      service.port !== undefined &&
      service.networks.includes("app"),
  );

/**
 * Files of one release of the edge: `nginx.conf`; `upstreams` and `watch` with a line `service port probe container…`
 * each; `checks` with a line `listener path` each; `settle`, seconds.
 */
export function edgeFiles(
  template: string,
  services: readonly ServiceSpec[],
  { tls, settle, drain }: EdgeArgs,
): Record<string, string> {
  const all = routed(services);
  return {
    "nginx.conf": template
      .replace("@{servers}", [publicServer(all, tls), ...all.flatMap(internalServer)].join("\n"))
      .replace("@{drain}", String(drain))
      .replace("@{announced}", String(pace.announced)),
    upstreams: all.map(containersOf).join(""),
    watch: watched(services).map(containersOf).join(""),
    settle: `${settle}\n`,
    checks: all
      .map(({ route }) =>
        route.public !== undefined
          ? `${tls ? EDGE_HTTPS : EDGE_HTTP} ${route.check}\n`
          : `${route.internal} ${route.check}\n`,
      )
      .join(""),
  };
}

function publicServer(all: readonly Routed[], tls: boolean): string {
  const locations = all
    .filter(({ route }) => route.public !== undefined)
    .map(({ name, route }) => location(name, route));
  const body = `    server_name _;
    keepalive_min_timeout ${pace.idle}s;
${headers(tls)}
    # Metrics are for Prometheus, which asks the services themselves.
    location = /metrics { return 404; }
${locations.join("\n")}
${UNAVAILABLE}`;
  return tls
    ? `  server {
    listen ${EDGE_HTTP};
    server_name _;
    return 308 https://$host$request_uri;
  }
  server {
    listen ${EDGE_HTTPS} ssl;
    http2 on;
    ssl_certificate tls.crt;
    ssl_certificate_key tls.key;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:tls:2m;
${body}
  }`
    : `  server {
    listen ${EDGE_HTTP};
${body}
  }`;
}

function internalServer({ name, route }: Routed): string[] {
  return route.internal === undefined
    ? []
    : [
        `  server {
    listen ${route.internal};
    server_name ${name};
${location(name, { ...route, public: "/" })}
${UNAVAILABLE}
  }`,
      ];
}

const location = (name: string, { public: path, readTimeout }: Route): string => `    location ${path} {
      set $route ${name};
      proxy_pass http://${name};
      proxy_read_timeout ${readTimeout ?? 60}s;
      proxy_send_timeout ${readTimeout ?? 60}s;
    }`;

const headers = (tls: boolean): string =>
  [
    ["X-Content-Type-Options", "nosniff"],
    ["X-Frame-Options", "DENY"],
    ["Referrer-Policy", "no-referrer"],
    ["X-Request-Id", "$rid"],
    ...(tls ? [["Strict-Transport-Security", '"max-age=31536000"']] : []),
  ]
    .map(([header, value]) => `    add_header ${header} ${value} always;`)
    .join("\n");

/** Nothing healthy behind the edge, or no answer in time: the same controlled answer, which says when to come back. */
const UNAVAILABLE = `    error_page 502 503 504 = @unavailable;
    location @unavailable {
      internal;
      default_type application/json;
      add_header Retry-After 5 always;
      add_header X-Request-Id $rid always;
      return 503 '{"error":"unavailable","retry_after":5}';
    }`;
