/**
 * Says what bin/restore does to the stores of a stack: node bin/restore.ts <stack> [--<store>…] < manifest
 * A line for each store that is restored: `how name service script migrations table column schema title`, with a
 * `-` for what there is not. Without a manifest it looks at the options alone. Asks no CLI and no engine.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { stackFile } from "../config/checkout.ts";
import { systemOf } from "../config/shape.ts";
import { systems } from "../systems/index.ts";
import type { Kept } from "../systems/stores/store.ts";
import { askedFor, type BackupFacts, leftOf, type Restored, restoredOf } from "./restoration.ts";

const ROOT = join(import.meta.dirname, "..");

const line = ({ how, name, service, script, migrations, versions, schema, title }: Restored): string =>
  [how.replace(" ", "-"), name, service, script, migrations, versions?.[0], versions?.[1], schema]
    .map((word) => word || "-")
    .concat(title)
    .join(" ");

function say(system: string, stores: readonly Kept[], backup: BackupFacts, asked: readonly string[]): void {
  console.log(restoredOf(system, stores, backup, asked).map(line).join("\n"));
  for (const words of leftOf(stores, backup)) console.error(words);
}

try {
  const [stack = "dev", ...options] = process.argv.slice(2);
  const isThere = existsSync(join(ROOT, `Pulumi.${stack}.yaml`));
  const { config } = isThere ? stackFile(stack, ROOT) : {};
  const name = (config?.["berth:system"] as string | undefined) ?? Object.keys(systems)[0]!;
  const { kept: stores } = systemOf(systems, name, stack);
  const asked = askedFor(name, stores, options);
  const manifest = readFileSync(0, "utf8");
  if (manifest !== "") say(name, stores, JSON.parse(manifest) as BackupFacts, asked);
} catch (error) {
  console.error(`error: ${(error as Error).message}\nNothing was changed.`);
  process.exitCode = 1;
}
