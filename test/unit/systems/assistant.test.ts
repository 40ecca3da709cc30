import assert from "node:assert/strict";
import { planOf } from "../../../bin/stack.ts";
import { makePlan } from "../../../plan/plan.ts";
import { systems } from "../../../systems/index.ts";
import { context } from "../support.ts";

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
  it("PA-25: shows the test users' password where they are, which one file of the job holds", () => {
    for (const { environment, credentials, services, secretKeys } of plans) {
      const here = environment === "stage";
      assert.equal(/alice@example\.com.*@\{seedPassword\}/.test(credentials["seed"] ?? ""), here, environment);
      assert.equal(secretKeys.includes("seedPassword"), here, environment);
      const readers = services.filter(({ secrets }) => JSON.stringify(secrets ?? {}).includes("seedPassword"));
      assert.deepEqual(
        readers.map(({ name }) => name),
        here ? ["seed"] : [],
      );
    }
  });
  it("PA-11: gives the key of second factors, and the former ones, to the api alone", () => {
    for (const { environment, services } of plans) {
      const readers = services.filter(({ secrets }) => JSON.stringify(secrets ?? {}).includes("mfaEncryptionKey"));
      assert.deepEqual(
        readers.map(({ name, secrets }) => [name, secrets?.["mfa-keys"]]),
        [["api", "@{mfaEncryptionKey}\n@{mfaEncryptionKey|previous}\n"]],
        environment,
      );
    }
  });
  it("PA-11: has the api reach Twilio where an account is configured, and nowhere else", () => {
    const keys = ["twilioAccountSid", "twilioAuthToken", "twilioUserNumbers"] as const;
    const api = (...configured: (typeof keys)[number][]) =>
      makePlan(systems.assistant.catalogue, context({}, { configured: new Set(configured) })).services.find(
        ({ name }) => name === "api",
      )!;
    assert.ok(!api().networks.includes("egress"));
    assert.ok(!api("twilioAuthToken", "twilioUserNumbers").networks.includes("egress"));
    const sends = api(...keys);
    assert.ok(sends.networks.includes("egress"));
    for (const key of keys) assert.ok(JSON.stringify(sends.secrets).includes(`@{${key}}`), key);
  });
});
