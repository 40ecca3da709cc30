import { type Rule, show, type Violation } from "../rule.ts";

export const limits: Rule = {
  name: "limits",
  description: "Every container has a limit of memory and cpu, so that one cannot starve the others.",
  container: ({ memory, memorySwap, cpus }): readonly Violation[] => {
    const fix = "set `limits` of the catalogue entry, or berth:services in the stack file";
    return [
      ...(memory && memory > 0
        ? []
        : [{ wrong: "no limit of memory", got: `memory is ${show(memory)}`, allowed: "MiB, more than 0", fix }]),
      ...(cpus && Number(cpus) > 0
        ? []
        : [{ wrong: "no limit of cpu", got: `cpus is ${show(cpus)}`, allowed: 'cores as text, such as "0.5"', fix }]),
      // Unset, the engine gives as much swap on top.
      ...(memorySwap === memory
        ? []
        : [
            {
              wrong: "the limit of memory can be exceeded by swapping",
              got: `memorySwap is ${show(memorySwap)}`,
              allowed: `the same as memory, ${show(memory)}`,
              fix: "set memorySwap to memory (plan/container.ts)",
            },
          ]),
    ];
  },
};
