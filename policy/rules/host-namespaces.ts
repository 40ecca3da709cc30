import { type Rule } from "../rule.ts";

export const hostNamespaces: Rule = {
  name: "host-namespaces",
  description: "No container shares the machine's network, processes, memory segments or users.",
  container: ({ networkMode, pidMode, ipcMode, usernsMode, cgroupnsMode }) =>
    Object.entries({ networkMode, pidMode, ipcMode, usernsMode, cgroupnsMode })
      .filter(([, mode]) => mode === "host")
      .map(([name]) => ({
        wrong: "shares a namespace of the machine",
        got: `${name} is "host"`,
        allowed: "its own",
        fix: `remove ${name}; services meet on the stack's networks`,
      })),
};
