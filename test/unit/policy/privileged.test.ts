import { privileged } from "../../../policy/rules/privileged.ts";
import { container, fails, passes } from "./support.ts";

describe("policy/privileged", () => {
  it("passes what says nothing, or no", () => {
    passes(privileged, container());
    passes(privileged, container({ privileged: false, devices: [] }));
  });
  it("refuses privileged mode", () => fails(privileged, container({ privileged: true }), "privileged is true"));
  it("refuses devices of the machine", () =>
    fails(privileged, container({ devices: [{ hostPath: "/dev/mem" }] }), "/dev/mem"));
  for (const option of ["seccomp=unconfined", "apparmor=unconfined", "systempaths=unconfined", "label=disable"])
    it(`refuses ${option}`, () =>
      fails(privileged, container({ securityOpts: ["no-new-privileges:true", option] }), option));
});
