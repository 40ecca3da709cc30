/** The budgets of starts, against the plans: nothing here measures. */
import assert from "node:assert/strict";
import { planOf } from "../../../bin/stack.ts";
import { BUDGETS, budgetOf } from "../../systems/assistant/budgets.ts";

describe("the budgets of the assistant's starts", () => {
  const services = ["dev", "stage", "prod"].flatMap((stack) =>
    planOf(stack, []).services.map((service) => ({ stack, ...service })),
  );

  it("are of services that there are", () => {
    const names = new Set(services.map(({ name }) => name));
    assert.deepEqual(
      Object.keys(BUDGETS).filter((name) => !names.has(name)),
      [],
    );
  });
  it("PA-62: are below the memory limit of every stack file", () => {
    for (const { stack, name, limits } of services)
      assert.ok(budgetOf(name).memory < limits.memory, `${name} of ${stack}: ${limits.memory} MiB`);
  });
  it("PA-69: leave time for a first check, which no start is healthy before", () => {
    for (const { stack, name, health } of services)
      assert.ok(health.interval + health.timeout < budgetOf(name).start, `${name} of ${stack}`);
  });
});
