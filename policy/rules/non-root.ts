import { type Rule, show } from "../rule.ts";

export const nonRoot: Rule = {
  name: "non-root",
  description: "No container's user is root. A user's name does not count: only the image knows which uid that is.",
  container: ({ user }) =>
    /^[1-9]\d*(:\d+)?$/.test(user ?? "")
      ? []
      : [
          {
            wrong: "may run as root",
            got: `user is ${show(user)}`,
            allowed: 'a uid above 0, such as "10001:0"',
            fix: "set `uid` of the catalogue entry to the image's own user",
          },
        ],
};
