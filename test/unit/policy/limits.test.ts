import { limits } from "../../../policy/rules/limits.ts";
import { container, fails, passes, seed } from "./support.ts";

describe("policy/limits", () => {
  it("passes memory, no swap and cpu", () => passes(limits, container({ memory: 64, memorySwap: 64, cpus: "0.25" })));
  it("refuses no memory, or 0", () => {
    fails(limits, container({ memory: undefined, memorySwap: undefined }), "memory is nothing");
    fails(limits, container({ memory: 0, memorySwap: 0 }), "memory is 0");
  });
  it("refuses swap on top", () => {
    fails(limits, container({ memorySwap: undefined }), "memorySwap is nothing", "64");
    fails(limits, container({ memorySwap: -1 }), "memorySwap is -1");
  });
  it("refuses no cpu, or 0", () => {
    fails(limits, container({ cpus: undefined }), "cpus is nothing");
    fails(limits, container({ cpus: "0.0" }), 'cpus is "0.0"');
  });
  it("asks the same of what never runs", () => fails(limits, seed({ memory: undefined })));
});
