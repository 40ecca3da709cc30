import { restart } from "../../../policy/rules/restart.ts";
import { container, fails, passes, seed } from "./support.ts";

describe("policy/restart", () => {
  for (const policy of ["always", "unless-stopped"])
    it(`passes ${policy}`, () => passes(restart, container({ restart: policy })));
  for (const policy of ["no", "on-failure", undefined])
    it(`refuses ${policy ?? "nothing"}`, () =>
      fails(restart, container({ restart: policy }), policy ?? "nothing", "always or unless-stopped"));
  it("asks nothing of what never runs", () => passes(restart, seed({ restart: "no" })));
});
