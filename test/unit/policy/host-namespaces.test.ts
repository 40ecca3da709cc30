import { hostNamespaces } from "../../../policy/rules/host-namespaces.ts";
import { container, fails, passes } from "./support.ts";

describe("policy/host-namespaces", () => {
  it("passes networks of the stack, and none", () => {
    passes(hostNamespaces, container({ networksAdvanced: [{ name: "assistant-dev-app" }] }));
    passes(hostNamespaces, container({ networkMode: "none" }));
  });
  for (const name of ["networkMode", "pidMode", "ipcMode", "usernsMode", "cgroupnsMode"])
    it(`refuses ${name} "host"`, () => fails(hostNamespaces, container({ [name]: "host" }), `${name} is "host"`));
});
