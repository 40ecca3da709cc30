import { readOnlyRoot } from "../../../policy/rules/read-only-root.ts";
import { container, fails, passes, seed } from "./support.ts";

describe("policy/read-only-root", () => {
  it("passes a read-only root", () => passes(readOnlyRoot, container({ readOnly: true })));
  it("refuses a writable one", () => {
    fails(readOnlyRoot, container({ readOnly: false }), "false");
    fails(readOnlyRoot, container({ readOnly: undefined }), "nothing");
  });
  it("asks nothing of what never runs: the provider uploads into no read-only root", () =>
    passes(readOnlyRoot, seed({ readOnly: undefined })));
});
