import assert from "node:assert/strict";
import { makePlan } from "../../../plan/plan.ts";
import type { System } from "../../../plan/types.ts";
import { catalogue, context, problemsOf, service } from "../support.ts";

describe("connections to the database", () => {
  const pooled = (name: string, size: number | string, replicas = 1) =>
    service(name, {
      replicas,
      uses: ["postgres"],
      connections: { variable: "DB_POOL_SIZE", besides: 2 },
      environment: { DB_POOL_SIZE: size },
    });
  /** A store that takes so many. */
  const limited = (most: number): Partial<System> => {
    const connections = { most, key: "berth:postgres.maxConnections", spare: 15, otherwise: "smaller pools" };
    const other = { name: "redis", major: 8, scheme: "redis" };
    return { stores: [{ name: "postgres", major: 17, scheme: "postgres", connections }, other] };
  };

  it("refuses pools that together ask for more than the database takes, counting both releases of a switch", () => {
    // (2 × (10 + 2) + 5 + 2) × 2 + 15
    const services = [pooled("api", 10, 2), pooled("agent", 5), service("other")];
    makePlan(catalogue(services, limited(77)), context());
    const [problem, ...others] = problemsOf(services, {}, {}, limited(76));
    assert.equal(others.length, 0);
    assert.equal(problem!.key, "berth:postgres.maxConnections");
    assert.match(problem!.got, /^76, less than .*: api 2 × 12, agent 1 × 7$/);
    assert.match(problem!.allowed, /^at least 77:/);
    assert.match(problem!.fix, /^pulumi config set --path berth:postgres.maxConnections 77 --stack dev/);
  });
  it("counts the stack file's replicas and pools", () => {
    for (const api of [{ replicas: 4 }, { environment: { DB_POOL_SIZE: 50 } }])
      assert.equal(problemsOf([pooled("api", 5)], { "berth:services": { api } }, {}, limited(40)).length, 1);
  });
  it("counts by store: who uses another takes none of this one's", () => {
    makePlan(catalogue([{ ...pooled("api", 500), uses: ["redis"] }], limited(20)), context());
  });
  it("leaves to the application what is no number", () => {
    makePlan(catalogue([pooled("api", "many")], limited(20)), context());
  });
});
