import { environmentOf, labelOf, type Rule } from "../rule.ts";

const isForDevelopment = ([name, value]: readonly [string, string]): boolean =>
  name === "DEBUG_PORT" || (/^(DEBUG|RELOAD)$/.test(name) && /^(1|true|yes|on)$/i.test(value));

export const devSettings: Rule = {
  name: "dev-settings",
  description: "Debug mode, reloading and debuggers stay in dev: they show internals and let others in.",
  container: (container) => {
    const environment = labelOf(container, "berth.environment");
    return environment === "dev"
      ? []
      : environmentOf(container)
          .filter(isForDevelopment)
          .map(([name, value]) => ({
            wrong: `a setting for development in ${environment}`,
            got: `${name}=${value}`,
            allowed: "in dev only",
            fix: "set berth:debug and berth:sourceMounts of the stack file to false, and berth:imageTarget to runtime",
          }));
  },
};
