import { noNewPrivileges } from "../../../policy/rules/no-new-privileges.ts";
import { container, fails, passes } from "./support.ts";

describe("policy/no-new-privileges", () => {
  it("passes the option, in both spellings", () => {
    passes(noNewPrivileges, container({ securityOpts: ["no-new-privileges:true"] }));
    passes(noNewPrivileges, container({ securityOpts: ["no-new-privileges"] }));
  });
  for (const securityOpts of [[], ["no-new-privileges:false"], ["seccomp=default"]])
    it(`refuses ${JSON.stringify(securityOpts)}`, () =>
      fails(noNewPrivileges, container({ securityOpts }), JSON.stringify(securityOpts)));
  it("refuses none at all", () => fails(noNewPrivileges, container({ securityOpts: undefined })));
});
