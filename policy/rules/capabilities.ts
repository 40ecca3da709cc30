import { type Rule, show, type Violation } from "../rule.ts";

export const capabilities: Rule = {
  name: "capabilities",
  description: "Every container gives up all of the kernel's capabilities and asks none back.",
  container: ({ capabilities: { drops = [], adds = [] } = {} }): readonly Violation[] => [
    ...(drops.includes("ALL")
      ? []
      : [
          {
            wrong: "keeps capabilities",
            got: `capabilities.drops is ${show(drops)}`,
            allowed: '["ALL"]',
            fix: "leave it to plan/container.ts",
          },
        ]),
    ...(adds.length === 0
      ? []
      : [
          {
            wrong: "takes capabilities",
            got: `capabilities.adds is ${show(adds)}`,
            allowed: "none",
            fix: "remove `capabilities` from the catalogue entry; a port above 1023 needs no NET_BIND_SERVICE",
          },
        ]),
  ],
};
