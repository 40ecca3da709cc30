import { capabilities } from "../../../policy/rules/capabilities.ts";
import { container, fails, passes } from "./support.ts";

describe("policy/capabilities", () => {
  it("passes all dropped and none added", () => {
    passes(capabilities, container({ capabilities: { drops: ["ALL"] } }));
    passes(capabilities, container({ capabilities: { drops: ["ALL"], adds: [] } }));
  });
  it("refuses what is kept", () => {
    fails(capabilities, container({ capabilities: undefined }), "[]", '["ALL"]');
    fails(capabilities, container({ capabilities: { drops: ["CAP_KILL"] } }), "CAP_KILL");
  });
  it("refuses what is added", () =>
    fails(capabilities, container({ capabilities: { drops: ["ALL"], adds: ["CAP_SYS_ADMIN"] } }), "CAP_SYS_ADMIN"));
});
