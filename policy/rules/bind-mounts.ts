import { hostPathsOf, labelOf, type Rule } from "../rule.ts";

export const bindMounts: Rule = {
  name: "bind-mounts",
  description:
    "Outside dev containers see nothing of the machine: what runs is what was released, not what lies on a disk.",
  container: (container) => {
    const environment = labelOf(container, "berth.environment");
    return environment === "dev"
      ? []
      : hostPathsOf(container).map((path) => ({
          wrong: `a folder of the machine in ${environment}`,
          got: `mounts ${path}`,
          allowed: "in dev only",
          fix: "set berth:sourceMounts of the stack file to false; content belongs into the image, `config` or `volumes`",
        }));
  },
};
