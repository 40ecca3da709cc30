/**
 * Says what bin/rotate asks about secrets. Asks no CLI, and so reads no value.
 *   node bin/secrets.ts <stack>            the secrets that it can rotate: those that are made where there is none,
 *                                          and that the stack reads
 *   node bin/secrets.ts <stack> <secret>   "set", and the leaf of its former value if it has one, or "generated", and
 *                                          its version, where the stack file does not hold it; of any other an error:
 *                                          why not
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { stackFile, versionsIn } from "../config/checkout.ts";
import { didYouMean } from "../config/nearest.ts";
import { generatedIn, type SecretLeaves } from "../config/secrets.ts";
import { systemOf } from "../config/shape.ts";
import { systems } from "../systems/index.ts";
import { main, planOf } from "./stack.ts";

const ROOT = join(import.meta.dirname, "..");

/** Why a secret is none that can be rotated. */
function whyNot(secret: string, stack: string, offered: readonly string[], secrets: SecretLeaves): string {
  const leaf = secrets[secret];
  const [of] = Object.entries(secrets).find(([, { former }]) => former === secret) ?? [];
  if (leaf === undefined) return `there is no such secret in stack ${stack}${didYouMean(secret, offered)}`;
  if (of !== undefined) return `it is the former ${of}, which bin/rotate ${of} keeps`;
  if (leaf.generated === undefined)
    return `only you have its value: pulumi config set --secret berth:${secret} --stack ${stack}, then bin/up ${stack}`;
  return `nothing in stack ${stack} reads it`;
}

await main((stack) => {
  const secret = process.argv[3];
  // Which secrets there are can be asked before there is a stack.
  const isThere = existsSync(join(ROOT, `Pulumi.${stack}.yaml`));
  const file = isThere ? stackFile(stack, ROOT) : {};
  const { config = {} } = file;
  const { secrets } = systemOf(systems, config["berth:system"] as string | undefined, stack).shape;
  const read = isThere ? new Set(planOf(stack).secretKeys) : undefined;
  const offered = generatedIn(secrets).filter((name) => read?.has(name) ?? true);
  if (secret === undefined) console.log(offered.join(" "));
  else if (!offered.includes(secret)) {
    console.error(`error: ${secret} cannot be rotated: ${whyNot(secret, stack, offered, secrets)}`);
    process.exitCode = 1;
  } else if (`berth:${secret}` in config) console.log(`set ${secrets[secret]?.former ?? ""}`);
  else console.log(`generated ${versionsIn(file)[secret] ?? 1}`);
});
