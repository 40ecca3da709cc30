import { labelOf, type Rule } from "../rule.ts";

export const protectedData: Rule = {
  name: "protected-data",
  description: "Outside dev no change deletes or replaces a volume with data.",
  volume: (volume, { protect }) => {
    const environment = labelOf(volume, "berth.environment");
    return protect || environment === "dev" || labelOf(volume, "berth.keep") !== "data"
      ? []
      : [
          {
            wrong: "data can be deleted",
            got: `protect is false in ${environment}`,
            allowed: "true outside dev",
            fix: "leave berth:protectData of the stack file at true",
          },
        ];
  },
};
