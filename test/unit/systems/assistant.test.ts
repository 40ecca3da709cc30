import assert from "node:assert/strict";
import { planOf } from "../../../bin/stack.ts";

describe("systems/assistant", () => {
  const plans = ["dev", "stage", "prod"].map((stack) => planOf(stack));

  it("PA-24: each environment has a database of its own name", () =>
    assert.deepEqual(
      plans.map(({ database }) => database),
      ["pa_dev", "pa_stage", "pa_prod"],
    ));
  it("PA-23: makes backups in stage and prod, and in dev where it is told to", () => {
    const making = plans.filter(({ services }) => services.some(({ name }) => name === "backup"));
    assert.deepEqual(
      making.map(({ environment }) => environment),
      ["stage", "prod"],
    );
  });
  it("PA-25: loads test data in stage, and nowhere else", () => {
    const seeded = plans.filter(({ services }) => services.some(({ name }) => name === "seed"));
    assert.deepEqual(
      seeded.map(({ environment }) => environment),
      ["stage"],
    );
  });
});
