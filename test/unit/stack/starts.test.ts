/** What starts take: how the engine's counters are read, and what is over budget. */
import assert from "node:assert/strict";
import { overBudget, startOf } from "../../stack/starts.ts";

const MIB = 1024 ** 2;
const stats = (cpu: number, usage: number, droppable: object) => ({
  cpu_stats: { cpu_usage: { total_usage: cpu * 1e9 } },
  memory_stats: { usage: usage * MIB, stats: droppable },
});

describe("the start of a container", () => {
  it("is read from the counters of cgroup v1 and v2, without what the kernel could drop", () => {
    const v1 = { total_inactive_file: 30 * MIB, inactive_file: MIB };
    assert.deepEqual(startOf("api", stats(2.5, 100, v1)), { service: "api", cpu: 2.5, memory: 70 });
    const v2 = { inactive_file: 20 * MIB };
    assert.deepEqual(startOf("api", stats(0.5, 100, v2)), { service: "api", cpu: 0.5, memory: 80 });
  });
  it("is over budget by its processor time or its memory, and says by how much (negative control)", () => {
    const budgetOf = () => ({ start: 30, cpu: 2, memory: 64 });
    const start = (cpu: number, memory: number) => ({ service: "api", cpu, memory });
    assert.deepEqual(overBudget([start(2, 64)], budgetOf), []);
    assert.deepEqual(overBudget([start(2.26, 10), start(1, 65)], budgetOf), [
      "api: cpu 2.3, allowed 2",
      "api: memory 65.0, allowed 64",
    ]);
  });
});
