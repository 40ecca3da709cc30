/**
 * Says what bin/rotate asks about secrets. Asks no CLI, and so reads no value.
 *   node bin/secrets.ts <stack>            the secrets that can be generated
 *   node bin/secrets.ts <stack> <secret>   "set", and the leaf of its former value if it has one, or
 *                                          "generated", and its version, where the stack file does not hold it
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type StackFile, stackFile } from "../config/checkout.ts";
import { generatedIn } from "../config/secrets.ts";
import { systemOf } from "../config/shape.ts";
import { systems } from "../systems/index.ts";
import { main } from "./stack.ts";

/** Nothing of a stack that is not there: which secrets there are can be asked before. */
function configOf(stack: string): NonNullable<StackFile["config"]> {
  const folder = join(import.meta.dirname, "..");
  return existsSync(join(folder, `Pulumi.${stack}.yaml`)) ? (stackFile(stack, folder).config ?? {}) : {};
}

await main((stack) => {
  const secret = process.argv[3];
  const config = configOf(stack);
  const { secrets } = systemOf(systems, config["berth:system"] as string | undefined, stack).shape;
  const versions = (config["berth:secretVersions"] ?? {}) as Readonly<Record<string, number>>;
  if (secret === undefined) console.log(generatedIn(secrets).join(" "));
  else if (`berth:${secret}` in config) console.log(`set ${secrets[secret]?.former ?? ""}`);
  else console.log(`generated ${versions[secret] ?? 1}`);
});
