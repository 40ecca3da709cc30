import { protectedData } from "../../../policy/rules/protected-data.ts";
import { fails, labels, passes, volume } from "./support.ts";

const data = (environment: string, protect: boolean, keep = "data") =>
  volume({ labels: labels({ "berth.environment": environment, "berth.keep": keep }) }, protect);

describe("policy/protected-data", () => {
  it("passes what is protected, or is no data, or is in dev", () => {
    passes(protectedData, data("prod", true));
    passes(protectedData, data("prod", false, "scratch"));
    passes(protectedData, volume({ labels: labels({ "berth.environment": "prod" }) }));
    passes(protectedData, data("dev", false));
  });
  for (const environment of ["stage", "prod"])
    it(`refuses data without protection in ${environment}`, () =>
      fails(protectedData, data(environment, false), environment, "berth:protectData"));
});
