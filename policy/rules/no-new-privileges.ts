import { type Rule, show } from "../rule.ts";

export const noNewPrivileges: Rule = {
  name: "no-new-privileges",
  description: "No process of a container gains rights through a setuid program.",
  container: ({ securityOpts = [] }) =>
    securityOpts.some((option) => /^no-new-privileges(:true)?$/.test(option))
      ? []
      : [
          {
            wrong: "may gain rights",
            got: `securityOpts is ${show(securityOpts)}`,
            allowed: '["no-new-privileges:true"]',
            fix: "leave it to plan/container.ts",
          },
        ],
};
