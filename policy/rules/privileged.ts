import { type Rule, show, type Violation } from "../rule.ts";

export const privileged: Rule = {
  name: "privileged",
  description:
    "No container is privileged, has devices of the machine or runs without the engine's seccomp and AppArmor profiles.",
  container: ({ privileged: all, devices = [], securityOpts = [] }): readonly Violation[] => {
    const loose = securityOpts.filter((option) => /unconfined|label[=:]disable/.test(option));
    const fix = "remove it";
    return [
      ...(all
        ? [
            {
              wrong: "privileged: it could do on the machine what root can",
              got: "privileged is true",
              allowed: "false",
              fix,
            },
          ]
        : []),
      ...(devices.length
        ? [
            {
              wrong: "has devices of the machine",
              got: show(devices.map(({ hostPath }) => hostPath)),
              allowed: "none",
              fix,
            },
          ]
        : []),
      ...(loose.length
        ? [
            {
              wrong: "runs without a profile of the engine",
              got: `securityOpts has ${show(loose)}`,
              allowed: "the engine's own profiles",
              fix,
            },
          ]
        : []),
    ];
  },
};
