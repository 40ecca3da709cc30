import assert from "node:assert/strict";
import type { ProblemsError } from "../../../config/problems.ts";
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
  it("refuses text with a NUL, which would end it", () =>
    assert.match(problemsOf([A], set({ NAME: "a\0b" }))[0]!.got, /the character NUL/));
  it("refuses a name that is nearly one that the service reads, and takes one that a library may read", () => {
    const worker = (name: string) => ({ "berth:services": { worker: { environment: { [name]: "x" } } } });
    const refused = (name: string) => {
      try {
        makePlan(systems.assistant.catalogue, context(worker(name)));
        return [];
      } catch (error) {
        return (error as ProblemsError).problems.map(({ key, got }) => `${key}: ${got}`);
      }
    };
    for (const [name, meant] of [
      ["LOG_LEVLE", "LOG_LEVEL"],
      ["RELAOD", "RELOAD"],
      ["TWILIO_FROM_NUMBERS", "TWILIO_FROM_NUMBER"],
      ["debug", "DEBUG"],
    ])
      assert.deepEqual(refused(name!), [
        `berth:services.worker.environment.${name}: nothing reads it; did you mean ${meant}?`,
      ]);
    for (const name of ["TZ", "HOST", "HTTPS_PROXY", "OTEL_SERVICE_VERSION", "PYTHONASYNCIODEBUG"])
      assert.deepEqual(refused(name), []);
    // Of a service that does not say what it reads nothing is known.
    makePlan(catalogue([service("a", { environment: { NAME: "x" } })]), context(set({ NAMES: "y" })));
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
