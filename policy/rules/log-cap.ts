import { type Rule, show, type Violation } from "../rule.ts";

export const logCap: Rule = {
  name: "log-cap",
  description: "Every container's log is capped; otherwise one chatty container fills the engine's disk.",
  container: ({ logDriver, logOpts = {} }): readonly Violation[] => {
    const fix = "leave the log to plan/container.ts";
    const option = (name: string, pattern: RegExp, allowed: string): readonly Violation[] =>
      pattern.test(logOpts[name] ?? "")
        ? []
        : [{ wrong: "the log is not capped", got: `logOpts["${name}"] is ${show(logOpts[name])}`, allowed, fix }];
    return [
      // It is also the one whose files the collector reads and `docker logs` shows.
      ...(logDriver === "json-file"
        ? []
        : [{ wrong: "another log driver", got: show(logDriver), allowed: "json-file", fix }]),
      ...option("max-size", /^[1-9]\d*[kmg]$/, 'a size such as "10m"'),
      ...option("max-file", /^[1-9]\d*$/, 'a number such as "5"'),
    ];
  },
};
