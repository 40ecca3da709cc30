import { type Rule, show } from "../rule.ts";

export const healthCheck: Rule = {
  name: "health-check",
  description: "Every running container has a health check: releases, start order and repair all wait for it.",
  running: ({ healthcheck }) => {
    const tests = healthcheck?.tests;
    return tests && tests.length >= 2 && /^CMD(-SHELL)?$/.test(tests[0]!)
      ? []
      : [
          {
            wrong: "no health check",
            got: `healthcheck.tests is ${show(tests)}`,
            allowed: 'a command: ["CMD", ...] or ["CMD-SHELL", ...]',
            fix: "give the catalogue entry a `health` (plan/health.ts)",
          },
        ];
  },
};
