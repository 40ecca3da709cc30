import { healthCheck } from "../../../policy/rules/health-check.ts";
import { container, fails, passes, seed } from "./support.ts";

describe("policy/health-check", () => {
  it("passes a command, with or without a shell", () => {
    passes(healthCheck, container({ healthcheck: { tests: ["CMD", "true"] } }));
    passes(healthCheck, container({ healthcheck: { tests: ["CMD-SHELL", "test -e /tmp/done"] } }));
  });
  for (const tests of [[], ["NONE"], ["CMD"], ["true", "1"]])
    it(`refuses ${JSON.stringify(tests)}`, () =>
      fails(healthCheck, container({ healthcheck: { tests } }), JSON.stringify(tests)));
  it("refuses none at all", () => fails(healthCheck, container({ healthcheck: undefined }), "nothing"));
  it("asks nothing of what never runs", () => passes(healthCheck, seed({ healthcheck: undefined })));
});
