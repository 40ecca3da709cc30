import assert from "node:assert/strict";
import { planOf } from "../../bin/stack.ts";
import { CONTAINER, ofType, running, runProgram } from "./support.ts";

describe("the program, what is rehearsed", function () {
  this.timeout(60_000);
  for (const stack of ["dev", "stage", "prod"])
    it(`tries what would replace a stateful container before anything of it changes, once its files are there: ${stack}`, async () => {
      const run = await runProgram({ stack });
      const { services } = planOf(stack);
      const workloads = ofType(run, "berth:workload:Workload");
      assert.equal(workloads.length, services.filter(({ kind }) => kind === "stateful").length);
      for (const { name, urn, inputs, beforeCreate, beforeUpdate, dependencies } of workloads) {
        const container = running(run).find((one) => one.parent === urn)!;
        assert.deepEqual([beforeCreate, beforeUpdate], [["berth-ports"], ["berth-rehearsal"]], name);
        const rehearsed = inputs["container"] as Record<string, unknown>;
        for (const [key, value] of Object.entries(rehearsed)) assert.deepEqual(value, container.inputs[key], key);
        for (const key of ["name", "image", "user", "memory", "cpus", "ports", "volumes", "healthcheck"])
          assert.ok(key in rehearsed, `${name}: ${key}`);
        const seed = ofType(run, CONTAINER).find((one) => one.name === `${name}-files-seed`);
        if (seed) assert.ok(dependencies.includes(seed.urn), `${name} may be tried before its files`);
      }
    });
});
