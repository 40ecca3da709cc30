import { devSettings } from "../../../policy/rules/dev-settings.ts";
import { container, fails, labels, passes } from "./support.ts";

const inside = (environment: string, ...envs: string[]) =>
  container({ envs, labels: labels({ "berth.environment": environment }) });

describe("policy/dev-settings", () => {
  it("passes them in dev", () => passes(devSettings, inside("dev", "DEBUG=true", "RELOAD=true", "DEBUG_PORT=5678")));
  for (const environment of ["stage", "prod"]) {
    it(`passes ${environment} with everything off`, () =>
      passes(devSettings, inside(environment, "DEBUG=false", "RELOAD=", "LOG_LEVEL=DEBUG")));
    for (const line of ["DEBUG=true", "DEBUG=1", "RELOAD=true", "DEBUG_PORT=5678"])
      it(`refuses ${line} in ${environment}`, () => fails(devSettings, inside(environment, line), line, environment));
  }
  it("refuses them where no label says what it is for", () =>
    fails(devSettings, container({ envs: ["DEBUG=true"], labels: undefined })));
});
