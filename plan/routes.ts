/** Routes of a system to the edge's configuration. Pure; the names of the containers come in at deployment. */
import { inOrder } from "./order.ts";
import { pace } from "./pace.ts";
import type { Route, ServiceSpec } from "./types.ts";

/** Ports inside the edge's container: unprivileged, because it does not run as root. */
export const EDGE_HTTP = 8080;
export const EDGE_HTTPS = 8443;
/** Internal listener with the edge's own metrics. */
export const EDGE_METRICS = 8090;
/** Ports that no internal route can have; on the last one the edge says that it lives (services/edge). */
export const OWN_PORTS: readonly number[] = [EDGE_HTTP, EDGE_HTTPS, EDGE_METRICS, 8089];

/** Every way to a service. */
export const routesOf = ({ route, routes = [] }: Pick<ServiceSpec, "route" | "routes">): readonly Route[] =>
  route === undefined ? routes : [route, ...routes];

/** A route, and where it leads. */
interface Way {
  readonly name: string;
  /** What nginx calls the containers with the port. No service's name has an underscore. */
  readonly upstream: string;
  readonly port: number;
  readonly route: Route;
}

const waysOf = (services: readonly ServiceSpec[]): Way[] =>
  services
    .flatMap((service) =>
      routesOf(service).flatMap((route): Way[] => {
        const { name } = service;
        const port = route.port ?? service.port;
        if (port === undefined) return [];
        return [{ name, upstream: port === service.port ? name : `${name}_${port}`, port, route }];
      }),
    )
    .sort((a, b) => inOrder(a.upstream, b.upstream));

export interface EdgeArgs {
  /** Whether there is a certificate. */
  readonly tls: boolean;
  /** What users type: its port is where those are sent who come without TLS. */
  readonly publicUrl: string;
  /** Seconds for which new containers must answer before the routes move. */
  readonly settle: number;
  /** Seconds that requests begun before a reload may take. */
  readonly drain: number;
  /** Networks (CIDR) of the proxies whose word counts for who calls, and whether by TLS. */
  readonly trustedProxies: readonly string[];
}

const containersOf = (upstream: string, name: string, port: number, probe = "/health"): string =>
  `${upstream} ${port} ${probe} @{containers:${name}}\n`;

/** Stateless applications without a route: a release is not good while one of them dies. */
export const watched = (services: readonly ServiceSpec[]): ServiceSpec[] =>
  services.filter(
    (service) =>
      service.kind === "stateless" &&
      service.tier === "app" &&
      routesOf(service).length === 0 &&
      service.port !== undefined &&
      service.networks.includes("app"),
  );

/** Those that have no port either, such as workers that only take jobs: the engine alone knows how they are. */
export const silent = (services: readonly ServiceSpec[]): ServiceSpec[] =>
  services.filter(
    (service) =>
      service.kind === "stateless" &&
      service.tier === "app" &&
      service.port === undefined &&
      routesOf(service).length === 0,
  );

/**
 * Files of one release of the edge: `nginx.conf`; `upstreams` and `watch` with a line `service port probe container…`
 * each; `checks` with a line `listener path` each; `settle`, seconds; `websockets`, where there are any, with a line
 * for each port of theirs.
 */
export function edgeFiles(
  template: string,
  services: readonly ServiceSpec[],
  { tls, publicUrl, settle, drain, trustedProxies }: EdgeArgs,
): Record<string, string> {
  const all = waysOf(services);
  const upstreams = all.map(({ upstream, name, port, route }) => containersOf(upstream, name, port, route.probe));
  const websockets = new Set(all.flatMap(({ port, route }) => (route.websocket ? `${port}\n` : [])));
  return {
    ...(websockets.size ? { websockets: [...websockets].join("") } : {}),
    "nginx.conf": template
      .replace(
        "@{servers}",
        [publicServer(all, tls ? (URL.parse(publicUrl)?.port ?? "") : undefined), ...all.flatMap(internalServer)].join(
          "\n",
        ),
      )
      .replace("@{proxies}", proxies(trustedProxies))
      .replace("@{drain}", String(drain))
      .replace("@{announced}", String(pace.announced)),
    upstreams: [...new Set(upstreams)].join(""),
    watch: watched(services)
      .map(({ name, port }) => containersOf(name, name, port!))
      .join(""),
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

/** @param tlsPort Port that users type, empty where it is TLS's own; undefined: there is no certificate. */
function publicServer(all: readonly Way[], tlsPort: string | undefined): string {
  const tls = tlsPort !== undefined;
  const open = all.filter(({ route }) => route.public !== undefined);
  const framed = open.some(({ route }) => FRAMES[route.frames ?? "nobody"] !== DENY);
  const locations = [...open.map((way) => location(way)), ...open.flatMap((way) => ownCheck(way, open))];
  const body = `    server_name _;
    keepalive_min_timeout ${pace.idle}s;
${framed ? `    set $frames ${DENY};\n` : ""}${headers(tls, framed ? "$frames" : DENY)}
    # Metrics are for Prometheus, which asks the services themselves.
${["", ...open.flatMap(stripped)].map((path) => `    location = ${path}/metrics { return 404; }`).join("\n")}
${locations.join("\n")}
${ERRORS}`;
  return tls
    ? `  server {
    listen ${EDGE_HTTP};
    server_name _;
    location / { return 308 https://$host${tlsPort && `:${tlsPort}`}$request_uri; }
${ERRORS}
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

function internalServer(way: Way): string[] {
  const { name, route } = way;
  return route.internal === undefined
    ? []
    : [
        `  server {
    listen ${route.internal};
    server_name ${name};
${internalLocations({ ...way, route: { ...route, public: "/", strip: false, frames: "nobody" } })}
${ERRORS}
  }`,
      ];
}

const DENY = "DENY";
/** What X-Frame-Options says; a header without a value is not sent. */
const FRAMES = { nobody: DENY, "same origin": "SAMEORIGIN", everybody: '""' } as const;

const internalLocations = (way: Way): string => [location(way), ...ownCheck(way, [way])].join("\n");

/**
 * Whoever asks a service how it is has an answer, however many others wait for one. Where that is a page that
 * everybody asks for, it is as all pages are.
 */
function ownCheck(way: Way, all: readonly Way[]): string[] {
  const [path] = way.route.check.split("?") as [string];
  const leadThere = all.filter(({ route }) => path.startsWith(route.public!));
  const longest = Math.max(...leadThere.map(({ route }) => route.public!.length));
  return leadThere.includes(way) && way.route.public!.length === longest && path.length > longest
    ? [location(way, `= ${path}`, "      limit_conn checks 64;")]
    : [];
}

/** The path that a service does not see of a route, and below which all of it would be reached. */
const stripped = ({ route: { public: path, strip } }: Way): string[] => (strip && path !== "/" ? [path!] : []);

/** @param bound What keeps requests from a service that has too many. */
function location(way: Way, at = way.route.public!, bound = whileBusy(way.name)): string {
  const { name, upstream, route } = way;
  const { readTimeout = 60, bodyLimit, cache, frames = "nobody" } = route;
  return [
    `    location ${at} {`,
    `      set $route ${name};`,
    bound,
    ...(FRAMES[frames] === DENY ? [] : [`      set $frames ${FRAMES[frames]};`]),
    ...stripped(way).map((path) => `      rewrite ^${path.replaceAll(".", "\\.")}(?:/(.*))?$ /$1 break;`),
    ...(bodyLimit === undefined ? [] : [`      client_max_body_size ${bodyLimit}m;`]),
    ...(cache === undefined ? [] : [`      expires ${cache}s;`]),
    `      proxy_pass http://${upstream};`,
    `      proxy_read_timeout ${readTimeout}s;`,
    `      proxy_send_timeout ${readTimeout}s;`,
    "    }",
  ].join("\n");
}

/** Where a service has more to do than it can, the edge lets a bounded number of requests through (edge/nginx.conf). */
const whileBusy = (name: string): string => `      if (-f /tmp/busy/${name}) { set $busy ${name}; }`;

const headers = (tls: boolean, frames: string): string =>
  [
    ["X-Content-Type-Options", "nosniff"],
    ["X-Frame-Options", frames],
    ["Referrer-Policy", "no-referrer"],
    ["X-Request-Id", "$rid"],
    ...(tls ? [["Strict-Transport-Security", '"max-age=31536000"']] : []),
  ]
    .map(([header, value]) => `    add_header ${header} ${value} always;`)
    .join("\n");

/** Who calls: addresses are taken from a list of which trusted proxies wrote the end. Nobody else's word counts. */
function proxies(trusted: readonly string[]): string {
  const name = (on: string, value: string) => `    ${on} ${value};`;
  return [
    ...(trusted.length ? ["  real_ip_header X-Forwarded-For;", "  real_ip_recursive on;"] : []),
    ...trusted.map((network) => `  set_real_ip_from ${network};`),
    "  geo $realip_remote_addr $trusted {",
    ...[name("default", "no"), ...trusted.map((network) => name(network, "yes"))],
    "  }",
    '  map "$trusted:$http_x_forwarded_proto" $forwarded_proto { default $scheme; yes:https https; yes:http http; }',
  ].join("\n");
}

/** The status stays that of the error. */
const REFUSED = `
      default_type application/json;
      add_header X-Request-Id $rid always;
      return 200 '{"error":"$refusal"}';
    }`;
/**
 * What the edge answers by itself is JSON, as what applications answer. Nothing healthy behind it, or no answer in
 * time: the same controlled answer, which says when to come back. A request that cannot be read may have no address,
 * without which nginx takes no named place. Where the client is too slow or gone (408, 444, 499) it closes.
 */
const ERRORS = `    error_page 404 405 413 416 421 500 501 @refused;
    error_page 400 414 505 /.edge/refused;
    error_page 494 =431 /.edge/refused;
    error_page 495 496 497 =400 /.edge/refused;
    error_page 502 503 504 = @unavailable;
    location @refused {${REFUSED}
    location = /.edge/refused {
      internal;${REFUSED}
    location @unavailable {
      default_type application/json;
      add_header Retry-After 5 always;
      add_header X-Request-Id $rid always;
      return 503 '{"error":"unavailable","retry_after":5}';
    }`;
