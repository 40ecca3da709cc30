import { environmentOf, type Rule } from "../rule.ts";

const NAME = /PASSWORD|PASSWD|PASSPHRASE|TOKEN|SECRET|CREDENTIAL|KEY/i;
/** user:password@ in a URL, or password= in a list of settings. */
const VALUE = /[a-z][\w+.-]*:\/\/[^\s/@:]*:[^\s/@]+@|\bpassword\s*=\s*\S/i;

const isPath = (name: string, value: string): boolean => name.endsWith("_FILE") && value.startsWith("/");
/** A switch is no secret, and tokens are also counted and timed: LLM_MAX_TOKENS=4096, TOKEN_TTL=15m. */
const isHarmless = (name: string, value: string): boolean =>
  /^(|true|false)$/.test(value) || (/TOKEN/i.test(name) && /^\d{1,9}[a-z]?$/.test(value));

export const environmentSecrets: Rule = {
  name: "environment-secrets",
  description: "No secret stands in an environment, which `docker inspect`, crash reports and child processes show.",
  container: (container) =>
    environmentOf(container)
      .filter(
        ([name, value]) => VALUE.test(value) || (NAME.test(name) && !isPath(name, value) && !isHarmless(name, value)),
      )
      // Never the value: what is found here may be one.
      .map(([name, value]) => ({
        wrong: "looks like a secret in the environment",
        got: `${name} with ${value.length} characters, not shown`,
        allowed: `the path of a file, in a variable such as ${name.replace(/_FILE$/, "")}_FILE`,
        fix: "move the value to `secrets` of the catalogue entry and give the variable its path under /etc/berth/secrets",
      })),
};
