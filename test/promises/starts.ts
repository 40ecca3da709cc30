/** What the start of each service takes, by the kernel's own counters: seconds say more about the machine. */
import assert from "node:assert/strict";
import { overBudget } from "../stack/starts.ts";
import type { World } from "../stack/world.ts";

/** @param requirement Its id. */
export function starts(world: World, requirement: string): void {
  const { project, driver } = world.stack;

  it(`${requirement}: what the start of each service takes of processor and memory is within its budget`, () => {
    const figures = world.starts.map(
      ({ service, cpu, memory }) => `${service} ${cpu.toFixed(1)} s ${Math.round(memory)} MiB`,
    );
    console.log(`      ${figures.sort().join(", ")}`);
    const started = new Set(world.starts.map(({ service }) => service));
    assert.deepEqual([...started].sort(), project.known.plan.services.map(({ name }) => name).sort());
    for (const { service, cpu, memory } of world.starts)
      assert.ok(cpu > 0.01 && memory > 0.1, `${service}: nothing was read`);
    assert.deepEqual(overBudget(world.starts, driver.budgetOf), []);
  });
}
