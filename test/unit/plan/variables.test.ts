import assert from "node:assert/strict";
import { makePlan } from "../../../plan/plan.ts";
import { systems } from "../../../systems/index.ts";
import { catalogue, context, problemsOf, service } from "../support.ts";

const set = (environment: Record<string, unknown>) => ({ "berth:services": { a: { environment } } });
const A = service("a", { environment: { POOL: 5, OPEN: false, NAME: "x" }, variables: { LIMIT: "number" } });

describe("plan/checks/variables", () => {
  for (const [what, environment] of [
    ["a number that was perhaps written with a plus", { FROM: 15551234567 }],
    ["a number with a fraction, perhaps with zeros at its end", { VERSION: 1.1 }],
    ["true, perhaps with a capital, where the entry itself has text", { NAME: true }],
    ["a number where the entry itself has text", { NAME: 7 }],
    ["true or false where a number is taken", { LIMIT: true }],
    ["a number that has lost its last digits on the way", { LIMIT: 12345678901234567890 }],
  ] as const)
    it(`refuses ${what}, with the way to write text`, () => {
      const [problem, ...more] = problemsOf([A], set(environment));
      const key = `berth:services.a.environment.${Object.keys(environment)[0]!}`;
      assert.deepEqual([problem!.key, more], [key, []]);
      assert.equal(problem!.fix, `pulumi config set --path --type string ${key} '<value>' --stack dev`);
    });
  it("hands over text as it was written, and numbers where numbers are taken", () => {
    const given = {
      FROM: "+15551234567",
      ZEROS: "007",
      LIMIT: 0,
      POOL: 10,
      OPEN: true,
      ANY: 5,
      YES: true,
      TEXT: "a b=c\n$d",
      NONE: "",
    };
    const [a] = makePlan(catalogue([A]), context(set(given))).services;
    assert.deepEqual(a!.environment, [
      "ANY=5",
      "FROM=+15551234567",
      "LIMIT=0",
      "NAME=x",
      "NONE=",
      "OPEN=true",
      "POOL=10",
      "TEXT=a b=c\n$d",
      "YES=true",
      "ZEROS=007",
    ]);
  });
  it("knows what the assistant's variables take", () => {
    const planned = (environment: object) =>
      makePlan(systems.assistant.catalogue, context({ "berth:services": { worker: { environment } } })).services.find(
        ({ name }) => name === "worker",
      )!.environment;
    assert.ok(planned({ RATE_LIMIT_PER_MINUTE: 600, DB_POOL_TIMEOUT: 5 }).includes("RATE_LIMIT_PER_MINUTE=600"));
    assert.throws(() => planned({ TWILIO_FROM_NUMBER: 15551234567 }), /TWILIO_FROM_NUMBER: a number/);
  });
});
