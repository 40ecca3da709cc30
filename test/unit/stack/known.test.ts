import assert from "node:assert/strict";
import type { Plan, PlannedService, ServiceSpec } from "../../../plan/types.ts";
import { knownTo } from "../../stack/known.ts";
import { service } from "../support.ts";

const known = (...services: readonly ServiceSpec[]) => knownTo({ services } as unknown as Plan);
const named = (services: readonly PlannedService[]) => services.map(({ name }) => name);

describe("what a plan knows, of services with several routes", () => {
  const { behind, publicly, internally, checks } = known(
    service("web", { port: 80, route: { public: "/", check: "/health" } }),
    service("nexus", {
      port: 8080,
      routes: [
        { public: "/api", check: "/api/health" },
        { public: "/api/mcp", check: "/api/mcp/health", port: 8081 },
        { internal: 8002, check: "/", port: 8081 },
      ],
    }),
    service("agent", { port: 8001, route: { internal: 8001, check: "/health" } }),
    service("worker"),
  );

  it("finds the service behind a path by the longest of all its routes", () => {
    assert.deepEqual(
      ["/", "/x", "/api/users", "/api/mcp/tools"].map((path) => behind(path).name),
      ["web", "web", "nexus", "nexus"],
    );
    assert.throws(() => known(service("worker")).behind("/"), /nothing answers \//);
  });
  it("names each service once", () => {
    assert.deepEqual(named(publicly), ["web", "nexus"]);
    assert.deepEqual(named(internally), ["nexus", "agent"]);
  });
  it("lists what every public route must answer", () =>
    assert.deepEqual(checks, ["/health", "/api/health", "/api/mcp/health"]));
});
