import assert from "node:assert/strict";
import { culpritOf } from "../../../components/last-words.ts";

describe("whose last words are shown", () => {
  const healthy = "a1 assistant-stage-seed-0000001 Up 2 minutes (healthy)";
  const carrier = "b2 assistant-stage-seed-secrets-seed-0000002 Created";

  it("the newest container that is not well; not one that only carries files", () => {
    const failed = "c3 assistant-stage-api-1-0000003 Restarting (1) 2 seconds ago";
    const before = "d4 assistant-stage-api-1-0000004 Up 1 second (health: starting)";
    assert.equal(culpritOf([carrier, failed, before, healthy, ""]), failed);
    assert.equal(culpritOf([carrier, healthy, ""]), undefined);
  });
  it("the job that loads test data, whose name is like those of the carriers", () => {
    const failed = "c3 assistant-stage-seed-0000003 Up 4 seconds (unhealthy)";
    assert.equal(culpritOf([failed, carrier, healthy]), failed);
  });
});
