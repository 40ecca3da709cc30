import { nonRoot } from "../../../policy/rules/non-root.ts";
import { container, fails, passes } from "./support.ts";

describe("policy/non-root", () => {
  it("passes a uid above 0, in whatever group", () => {
    passes(nonRoot, container({ user: "10001:0" }));
    passes(nonRoot, container({ user: "1000" }));
  });
  for (const user of ["0", "0:0", "root", "nginx", "", "00:0"])
    it(`refuses "${user}"`, () => fails(nonRoot, container({ user }), `"${user}"`));
  it("refuses the image's choice", () => fails(nonRoot, container({ user: undefined }), "nothing"));
});
