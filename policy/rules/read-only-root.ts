import { type Rule, show } from "../rule.ts";

export const readOnlyRoot: Rule = {
  name: "read-only-root",
  description: "The root file system of every running container is read-only: what breaks in can leave nothing behind.",
  running: ({ readOnly }) =>
    readOnly === true
      ? []
      : [
          {
            wrong: "the root file system can be written",
            got: `readOnly is ${show(readOnly)}`,
            allowed: "true",
            fix: "leave it to plan/container.ts; give the catalogue entry `tmpfs` or `volumes` for what it writes",
          },
        ],
};
