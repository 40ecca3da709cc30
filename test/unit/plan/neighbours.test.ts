import assert from "node:assert/strict";
import { makePlan } from "../../../plan/plan.ts";
import type { Neighbour } from "../../../plan/types.ts";
import { catalogue, context, problemsOf, service } from "../support.ts";

const services = [
  service("edge", { tier: "edge", kind: "stateful", publish: { edge: 8080 } }),
  service("prometheus", { publish: { prometheus: 9090 } }),
];
const ports = { "berth:ports": { edge: 80, prometheus: 9090 } };
const neighbour = (stack: string, runs: boolean, ...held: number[]): Neighbour => ({
  stack,
  system: undefined,
  runs,
  ports: new Set(held),
});
const plan = (values: object, ...neighbours: Neighbour[]) =>
  makePlan(catalogue(services), context({ ...ports, ...values }, { neighbours }));

describe("plan/neighbours", () => {
  it("refuses a port that a stack on the same engine has, with the setting that moves all of them to free ones", () => {
    const problems = problemsOf(services, ports, {
      neighbours: [neighbour("stage", true, 8001, 9090, 9190), neighbour("prod", false, 280)],
    });
    assert.deepEqual(
      problems.map(({ key, got }) => [key, got]),
      [["berth:ports.prometheus", "port 9090, which stack stage has on the same engine"]],
    );
    // 100 would meet 9190, 200 would meet 280.
    assert.equal(problems[0]!.fix, "pulumi config set berth:portOffset 300 --stack dev");
    assert.ok(plan({ "berth:portOffset": 300 }, neighbour("stage", true, 8001, 9090, 9190)));
  });
  it("moves on from where an offset already is", () => {
    const [problem] = problemsOf(
      services,
      { ...ports, "berth:portOffset": 50 },
      { neighbours: [neighbour("stage", true, 130)] },
    );
    assert.match(problem!.fix, /berth:portOffset 150 /);
  });
  it("is not stopped by a stack that nobody runs, and says what it would meet", () => {
    const { notices } = plan({}, neighbour("prod", false, 80, 9090), neighbour("stage", false, 8001));
    assert.deepEqual(
      notices.map(({ level, key, got }) => [level, key, got]),
      [["info", "berth:ports", "edge 80, prometheus 9090, which stack prod wants too; it does not run here"]],
    );
  });
  it("says nothing of stacks that it does not meet", () =>
    assert.deepEqual(plan({}, neighbour("stage", true, 8001), neighbour("prod", false, 81)).notices, []));
});
