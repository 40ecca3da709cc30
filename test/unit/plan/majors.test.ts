import assert from "node:assert/strict";
import { majorOf } from "../../../plan/checks/majors.ts";
import { makePlan } from "../../../plan/plan.ts";
import type { Problem } from "../../../config/problems.ts";
import { ProblemsError } from "../../../config/problems.ts";
import { systems } from "../../../systems/index.ts";
import { context } from "../support.ts";

const DIGEST = `@sha256:${"0".repeat(64)}`;

function problems(images: Record<string, string>, majors?: object): readonly Problem[] {
  try {
    makePlan(
      systems.assistant.catalogue,
      context({ "berth:baseImages": images, ...(majors ? { "berth:majors": majors } : {}) }),
    );
  } catch (error) {
    if (error instanceof ProblemsError) return error.problems;
    throw error;
  }
  return [];
}

describe("major versions of the databases", () => {
  for (const [reference, major] of [
    ["pgvector/pgvector:pg17", 17],
    ["pgvector/pgvector:0.8.0-pg17", 17],
    ["pgvector/pgvector:0.8.0-pg17-bookworm", 17],
    [`pgvector/pgvector:pg17${DIGEST}`, 17],
    ["postgres:17", 17],
    ["postgres:17.5-alpine", 17],
    ["registry.example.org:5000/team/postgres:17.5", 17],
    ["redis:8.0", 8],
    ["redis:v8.0.2-alpine", 8],
    ["redis:stable", undefined],
    [`redis${DIGEST}`, undefined],
    [`registry.example.org:5000/redis${DIGEST}`, undefined],
    ["postgres:17abc", undefined],
    ["redis:8f3a2c1", undefined],
  ] as const)
    it(`${reference.replace(/0{20,}/, "0…")} is ${major ?? "not told"}`, () => assert.equal(majorOf(reference), major));

  it("the catalogue's own images are what the data of a stack is of that says nothing", () => {
    assert.deepEqual(problems({}), []);
    for (const { name, images, major } of systems.assistant.stores) assert.equal(majorOf(images[name]!), major, name);
  });

  it("takes another minor version, and a digest behind the tag", () => {
    assert.deepEqual(problems({ postgres: `pgvector/pgvector:0.8.1-pg17${DIGEST}`, redis: "redis:8.0.6" }), []);
  });

  it("refuses another major version, both at once, with the way to it and the way back", () => {
    const [postgres, redis] = problems({ postgres: "pgvector/pgvector:pg18", redis: "redis:7.2" });
    assert.equal(postgres!.key, "berth:baseImages.postgres");
    assert.match(postgres!.got, /pg18, version 18; the data of postgres is of version 17/);
    assert.match(
      postgres!.fix,
      /^pulumi config rm --path berth:baseImages\.postgres --stack dev .*bin\/backup.*pulumi config set --path berth:majors\.postgres 18 --stack dev.*bin\/restore.*docs\/operations\.md#another-major-version/,
    );
    assert.match(redis!.got, /version 7; the data of redis is of version 8/);
  });

  it("takes it where the stack file says that the data is of it, and then nothing else", () => {
    assert.deepEqual(problems({ postgres: "pgvector/pgvector:pg18" }, { postgres: 18 }), []);
    const [own] = problems({}, { postgres: 18 });
    assert.match(own!.got, /pg17-trixie, version 17; the data of postgres is of version 18/);
    assert.match(own!.fix, /^mend the image in systems\/stores\/postgres\.ts/);
  });

  it("wants a version in the tag, whatever the digest is", () => {
    const [problem] = problems({ redis: `redis${DIGEST}` });
    assert.match(problem!.got, /whose tag names no version/);
    assert.match(problem!.allowed, /name:8@sha256:…/);
  });
});
