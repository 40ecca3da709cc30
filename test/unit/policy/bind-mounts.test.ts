import { bindMounts } from "../../../policy/rules/bind-mounts.ts";
import { container, fails, labels, passes } from "./support.ts";

const inside = (environment: string) => ({ labels: labels({ "berth.environment": environment }) });
const SOURCE = {
  volumes: [{ hostPath: "/home/ann/berth/services/assistant/src", containerPath: "/app/src", readOnly: true }],
};

describe("policy/bind-mounts", () => {
  it("passes source in dev", () => passes(bindMounts, container({ ...inside("dev"), ...SOURCE })));
  it("passes volumes of the engine everywhere", () =>
    passes(bindMounts, container({ ...inside("prod"), volumes: [{ volumeName: "data", containerPath: "/data" }] })));
  for (const environment of ["stage", "prod"])
    it(`refuses source in ${environment}`, () =>
      fails(bindMounts, container({ ...inside(environment), ...SOURCE }), environment, "services/assistant/src"));
});
