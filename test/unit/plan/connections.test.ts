import assert from "node:assert/strict";
import { makePlan } from "../../../plan/plan.ts";
import { catalogue, context, problemsOf, service } from "../support.ts";

describe("connections to the database", () => {
  const pooled = (name: string, size: number | string, replicas = 1) =>
    service(name, {
      replicas,
      connections: { variable: "DB_POOL_SIZE", besides: 2 },
      environment: { DB_POOL_SIZE: size },
    });
  const limited = (max: number) => ({ "berth:postgres": { maxConnections: max } });

  it("refuses pools that together ask for more than the database takes, counting both releases of a switch", () => {
    // (2 × (10 + 2) + 5 + 2) × 2 + 15
    const services = [pooled("api", 10, 2), pooled("agent", 5), service("other")];
    makePlan(catalogue(services), context(limited(77)));
    const [problem, ...others] = problemsOf(services, limited(76));
    assert.equal(others.length, 0);
    assert.equal(problem!.key, "berth:postgres.maxConnections");
    assert.match(problem!.got, /^76, less than .*: api 2 × 12, agent 1 × 7$/);
    assert.match(problem!.allowed, /^at least 77:/);
    assert.match(problem!.fix, /^pulumi config set --path berth:postgres.maxConnections 77 --stack dev/);
  });
  it("counts the stack file's replicas and pools", () => {
    assert.equal(
      problemsOf([pooled("api", 5)], { ...limited(40), "berth:services": { api: { replicas: 4 } } }).length,
      1,
    );
    assert.equal(
      problemsOf([pooled("api", 5)], {
        ...limited(40),
        "berth:services": { api: { environment: { DB_POOL_SIZE: 50 } } },
      }).length,
      1,
    );
  });
  it("leaves to the application what is no number", () => {
    makePlan(catalogue([pooled("api", "many")]), context(limited(20)));
  });
});
