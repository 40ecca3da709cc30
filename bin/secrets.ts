/**
 * Says what bin/rotate asks about secrets. Asks no CLI, and so reads no value.
 *   node bin/secrets.ts                    the secrets that can be generated
 *   node bin/secrets.ts <secret> <stack>   "set", and the leaf of its former value if it has one, or
 *                                          "generated", and its version, where the stack file does not hold it
 */
import { join } from "node:path";
import { stackFile } from "../config/checkout.ts";
import { formerLeaves, leafOf, type SecretKey, secretKeys } from "../config/secrets.ts";

const [secret, stack] = process.argv.slice(2) as [SecretKey | undefined, string];

function where(secret: SecretKey): string {
  const { config = {} } = stackFile(stack, join(import.meta.dirname, ".."));
  if (`berth:${secret}` in config) return `set ${formerLeaves[secret] ?? ""}`;
  const versions = (config["berth:secretVersions"] ?? {}) as Partial<Record<SecretKey, number>>;
  return `generated ${versions[secret] ?? 1}`;
}

console.log(secret ? where(secret) : secretKeys.filter((key) => leafOf(key).generated).join(" "));
