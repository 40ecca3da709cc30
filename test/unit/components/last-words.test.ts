import assert from "node:assert/strict";
import { culpritsOf, end } from "../../../components/last-words.ts";

describe("whose last words are shown", () => {
  const healthy = "a1 assistant-stage-seed-0000001 Up 2 minutes (healthy)";
  const carrier = "b2 assistant-stage-seed-secrets-seed-0000002 Created";

  it("the newest container that is not well; not one that only carries files", () => {
    const failed = "c3 assistant-stage-api-1-0000003 Restarting (1) 2 seconds ago";
    const before = "d4 assistant-stage-api-1-0000004 Up 1 second (health: starting)";
    assert.deepEqual(culpritsOf([carrier, failed, before, healthy, ""]), [failed, before]);
    assert.deepEqual(culpritsOf([carrier, healthy, ""]), []);
  });
  it("the job that loads test data, whose name is like those of the carriers", () => {
    const failed = "c3 assistant-stage-seed-0000003 Up 4 seconds (unhealthy)";
    assert.deepEqual(culpritsOf([failed, carrier, healthy]), [failed]);
  });
  it("what failed is kept from starting again, and then ended", async () => {
    const asked: string[] = [];
    await end(
      (...args) => {
        asked.push(args.join(" "));
        return Promise.resolve({ stdout: "", stderr: "" });
      },
      ["c3", "d4"],
    );
    assert.deepEqual(asked, ["update --restart no c3 d4", "stop --time 10 c3 d4"]);
  });
});
