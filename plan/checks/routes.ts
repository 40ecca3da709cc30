/** What can be wrong with the way of a request to a service. */
import type { Problem } from "../../config/problems.ts";
import { OWN_PORTS, routesOf, watched } from "../routes.ts";
import type { Route, ServiceSpec } from "../types.ts";
import { catalogueProblem, type Draft } from "./draft.ts";

/** A service, by one of its ways. */
type Routed = Pick<ServiceSpec, "name" | "port" | "networks"> & { readonly route: Route };

export function routeProblems({ on, asked }: Draft): Problem[] {
  const routed = on.flatMap((spec) => routesOf(spec).map((route): Routed => ({ ...spec, route })));
  return [
    ...routed.flatMap((spec) => [...reachProblems(spec), ...pathProblems(spec), ...checkProblems(spec, routed)]),
    ...taken(routed),
    ...probedTwice(routed),
    ...unserved(on, new Set(asked.map(({ name }) => name))),
  ];
}

function reachProblems({ name, port, networks, route }: Routed): Problem[] {
  return [
    ...((route.port ?? port) === undefined
      ? [catalogueProblem(name, "has a route but no port", "the port that the edge asks")]
      : []),
    ...(networks.includes("app")
      ? []
      : [catalogueProblem(name, "has a route, but is not on the network app", "where the edge reaches it")]),
    ...(route.public === undefined && route.internal === undefined
      ? [catalogueProblem(name, "has a route from nowhere", "a public path, an internal port, or both")]
      : []),
  ];
}

/** One way to write a path, so that two of them can be told apart. */
export const PUBLIC = /^(?:\/|(?:\/[\w.~-]+)+)$/;

function pathProblems({ name, route: { public: path, check, probe = "/" } }: Routed): Problem[] {
  return [
    ...(path === undefined || PUBLIC.test(path)
      ? []
      : [catalogueProblem(name, `has the public path "${path}"`, "/, or /name without a slash at its end")]),
    ...[check, probe]
      .filter((asked) => !asked.startsWith("/"))
      .map((asked) => catalogueProblem(name, `is asked for "${asked}"`, "a path that begins with a slash")),
  ];
}

export const isUnder = (path: string, prefix: string): boolean =>
  prefix === "/" || path === prefix || path.startsWith(`${prefix}/`) || path.startsWith(`${prefix}?`);

/** A check that another service answers says nothing of this one. */
function checkProblems({ name, route }: Routed, routed: readonly Routed[]): Problem[] {
  const { public: path, check } = route;
  if (path === undefined || !PUBLIC.test(path) || !check.startsWith("/")) return [];
  const answering = routed
    .filter((other) => other.route.public !== undefined && isUnder(check, other.route.public))
    .sort((a, b) => b.route.public!.length - a.route.public!.length)[0];
  return answering?.route.public === path
    ? []
    : [
        catalogueProblem(
          name,
          `its check ${check} is answered by ${answering?.name ?? "nobody"}`,
          `a path under ${path} that no other service has`,
        ),
      ];
}

/** The edge's own: Prometheus asks the services themselves. */
const METRICS = "path /metrics";

function taken(routed: readonly Routed[]): Problem[] {
  const seen = new Map([
    [METRICS, "the edge"],
    ...OWN_PORTS.map((port) => [`internal port ${port}`, "the edge"] as const),
  ]);
  return routed.flatMap(({ name, route: { public: path, internal } }) =>
    [
      ...(path === undefined ? [] : [`path ${path}`]),
      ...(internal === undefined ? [] : [`internal port ${internal}`]),
    ].flatMap((what) => {
      const other = seen.get(what);
      if (other === undefined) seen.set(what, name);
      return other === undefined ? [] : [catalogueProblem(name, `${what} is taken by ${other}`, "a route of its own")];
    }),
  );
}

/** Containers with a port are in the routes or out of them: one answer decides. */
function probedTwice(routed: readonly Routed[]): Problem[] {
  const probes = new Map<string, string>();
  return routed.flatMap(({ name, port, route: { port: own = port, probe = "/health" } }) => {
    const known = probes.get(`${name} ${own}`);
    probes.set(`${name} ${own}`, known ?? probe);
    return known === undefined || known === probe
      ? []
      : [catalogueProblem(name, `is asked on port ${own} for ${known} and for ${probe}`, "one probe a port")];
  });
}

/** What the edge was not told of has no route, and nobody watches it while a release settles. */
function unserved(on: readonly ServiceSpec[], asked: ReadonlySet<string>): Problem[] {
  const hasEdge = [...asked].some((name) => name.startsWith("containers:"));
  const isMissed = ({ name }: ServiceSpec): boolean => !asked.has(`containers:${name}`);
  const allowed = "a place among the services that the edge is told of";
  return [
    ...on
      .filter((spec) => routesOf(spec).some((route) => (route.port ?? spec.port) !== undefined))
      .filter(isMissed)
      .map(({ name }) => catalogueProblem(name, "has a route that no edge serves", allowed)),
    ...(hasEdge ? watched(on) : [])
      .filter(isMissed)
      .map(({ name }) => catalogueProblem(name, "is not watched while a release settles", allowed)),
  ];
}
