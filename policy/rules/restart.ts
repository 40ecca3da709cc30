import { type Rule, show } from "../rule.ts";

const ALLOWED = ["always", "unless-stopped"];

export const restart: Rule = {
  name: "restart",
  description: "The engine starts every running container again when it ends, or when the machine does.",
  running: ({ restart: policy }) =>
    policy && ALLOWED.includes(policy)
      ? []
      : [
          {
            wrong: "stays down once it has ended",
            got: `restart is ${show(policy)}`,
            allowed: ALLOWED.join(" or "),
            fix: "leave it to berth:restart of the stack file",
          },
        ],
};
