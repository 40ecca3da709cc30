/** The budgets of starts, against the plans: nothing here measures. */
import assert from "node:assert/strict";
import { planOf } from "../../../bin/stack.ts";
import { leastOf } from "../../../plan/limits.ts";
import { systems } from "../../../systems/index.ts";
import { BUDGETS, budgetOf } from "../../systems/assistant/budgets.ts";
import { settings } from "../support.ts";

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
  it("PA-62: are such that no stack file may go below what was measured, which is half of them", () => {
    const { services: entries } = systems.assistant.catalogue({
      stack: "dev",
      settings: settings({ "berth:backup": {}, "berth:seed": true }),
      publicUrl: "http://127.0.0.1",
      has: () => false,
      isOn: () => true,
    });
    for (const { name, limits } of entries)
      assert.ok(leastOf(limits) >= budgetOf(name).memory / 2 && leastOf(limits) <= limits.memory, name);
    for (const { stack, name, limits } of services)
      assert.ok(leastOf(entries.find((entry) => entry.name === name)!.limits) <= limits.memory, `${name} of ${stack}`);
  });
  it("PA-69: leave time for a first check, which no start is healthy before", () => {
    for (const { stack, name, health } of services)
      assert.ok(health.interval + health.timeout < budgetOf(name).start, `${name} of ${stack}`);
  });
});
