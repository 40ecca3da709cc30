/**
 * Writes what is made from config/schema.ts and config/secrets.ts: the JSON schema of the stack files (editors check
 * and complete them), the key list in Pulumi.yaml, docs/configuration.md and a specimen stack file.
 * `--check` only tells whether they are current.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { z } from "zod";
import { type Declared, declared, elsewhere, variables } from "./application.ts";
import { describe } from "./parse.ts";
import { type LeafMeta, settingsSchema } from "./schema.ts";
import { leafOf, secretKeys } from "./secrets.ts";

const ROOT = join(import.meta.dirname, "..");
const MARK = "# ---- keys (made by npm run schema)";

const settingsSource = readFileSync(join(ROOT, "services/assistant/src/personal_assistant/config/settings.py"), "utf8");

interface Row {
  readonly key: string;
  readonly meta: LeafMeta;
  readonly fallback: string;
}

const rows: readonly Row[] = Object.entries(settingsSchema.shape).map(([name, type]) => ({
  key: `berth:${name}`,
  meta: describe(type)!,
  fallback: fallbackOf(type),
}));

function fallbackOf(type: z.core.$ZodType): string {
  if (type instanceof z.ZodDefault) return JSON.stringify(type.def.defaultValue);
  return type instanceof z.ZodOptional ? "see the description" : "none: must be set";
}

function jsonSchema(): string {
  const secret = (key: string) => ({
    description: leafOf(key as (typeof secretKeys)[number]).description,
    type: "object",
    properties: { secure: { type: "string" } },
    required: ["secure"],
    additionalProperties: false,
  });
  const leaves = Object.entries(settingsSchema.shape).map(([name, type]) => {
    // A leaf's own words about itself are documentation, not JSON schema.
    const schema = z.toJSONSchema(type, {
      io: "input",
      override: ({ jsonSchema }) => {
        for (const key of ["allowed", "example"]) delete jsonSchema[key];
      },
    });
    delete schema.$schema;
    const meta = describe(type)!;
    return [
      `berth:${name}`,
      { ...schema, description: `${meta.description} Allowed: ${meta.allowed}.`, examples: [meta.example] },
    ];
  });
  return (
    JSON.stringify(
      {
        $schema: "http://json-schema.org/draft-07/schema#",
        title: "Stack file of berth",
        type: "object",
        properties: {
          config: {
            type: "object",
            required: ["berth:environment"],
            properties: {
              ...(Object.fromEntries(leaves) as object),
              ...Object.fromEntries(secretKeys.map((key) => [`berth:${key}`, secret(key)])),
            },
            patternProperties: { "^(?!berth:)": {} },
            additionalProperties: false,
          },
        },
        patternProperties: { "^(encryptionsalt|encryptedkey|secretsprovider|environment)$": {} },
        additionalProperties: false,
      },
      null,
      2,
    ) + "\n"
  );
}

function keyList(): string {
  const secrets = secretKeys.map((key) => `#   berth:${key} (secret): ${leafOf(key).description}`);
  return [
    MARK,
    ...rows.map(({ key, meta }) => `#   ${key}: ${meta.description}`),
    ...secrets,
    "#   docker:host: the engine, such as ssh://deploy@host (the docker provider's own key). Default: this machine's.",
    "",
  ].join("\n");
}

const without = ({ fallback, needed }: Declared): string =>
  needed.length ? `needed by ${needed.join(", ")}` : fallback ? `\`${fallback}\`` : "–";

function documentation(): string {
  const cell = (text: string) => text.replaceAll("|", "\\|");
  return `# Configuration

Made from config/schema.ts and config/secrets.ts by \`npm run schema\`. A stack file (\`Pulumi.<stack>.yaml\`) is checked as a
whole before anything is touched; every problem is reported with the command that mends it. Inside an object:
\`pulumi config set --path berth:ports.edge 8000\`.

| key | meaning | allowed | default | example |
|---|---|---|---|---|
${rows.map(({ key, meta, fallback }) => `| \`${key}\` | ${cell(meta.description)} | ${cell(meta.allowed)} | \`${cell(fallback)}\` | \`${cell(JSON.stringify(meta.example))}\` |`).join("\n")}

## Secrets

Set with \`pulumi config set --secret berth:<name>\`; it asks for the value, which then stands encrypted in the stack file. What is not set
is generated, or its feature is off. Containers get secrets as files under \`/run/secrets\`, never as environment variables.

| key | meaning | without it | shortest |
|---|---|---|---|
${secretKeys.map((key) => `| \`berth:${key}\` | ${cell(leafOf(key).description)} | ${leafOf(key).generated ? `generated, ${leafOf(key).generated} characters` : "off"} | ${leafOf(key).minLength} |`).join("\n")}

## Environment of the scripts

| variable | meaning |
|---|---|
| \`PULUMI_CONFIG_PASSPHRASE\`, \`PULUMI_CONFIG_PASSPHRASE_FILE\` | What the secrets of a stack are encrypted with. dev: \`berth-dev\` |
| \`PULUMI_BACKEND_URL\` | Where states are. Without it: \`.state\` of this checkout |
| \`DOCKER_HOST\` | The engine, for scripts and program |
| \`BERTH_OFF\` | Services that this machine cannot run, besides \`berth:off\` |
| \`BERTH_KEEP_RELEASES\`, \`BERTH_KEEP_STATES\` | How many releases (5) and former states (50) are kept of a stack |
| \`BERTH_OSV\` | Where \`bin/scan\` finds what is known against packages: \`.state/osv\` |
| \`BERTH_BUILD_CACHE\` | How much build cache is kept: \`4GB\` |
| \`BERTH_BENCH\`, \`BERTH_BENCH_HOME\`, \`BERTH_PLUGIN_PATH\` | The [bench](bench.md): use it, where it is kept, other plugins than the stand-ins |

## Environment of the assistant's processes

Names, defaults and what is allowed are those of \`services/assistant/src/personal_assistant/config/settings.py\`. What nothing else sets
is set for one service: \`pulumi config set --path berth:services.api.environment.DB_POOL_SIZE 10\`. A wrong value ends the process with
every problem at once, and the update with it.

| variable | meaning | allowed | without it | set by |
|---|---|---|---|---|
${declared(settingsSource)
  .map(
    (variable) =>
      `| \`${variable.name}\` | ${cell(variables[variable.name]?.meaning ?? "")} | ${variable.allowed} | ${without(variable)} | ${variables[variable.name]?.by ?? "you"} |`,
  )
  .join("\n")}

Options of the requirements that have another place:

| option | place |
|---|---|
${elsewhere.map(([options, place]) => `| ${options} | ${place} |`).join("\n")}
`;
}

function specimen(): string {
  const comment = ({ key, meta, fallback }: Row) =>
    [
      `# ${meta.description}`,
      `# Allowed: ${meta.allowed}. Default: ${fallback}`,
      ...stringify({ [key]: meta.example })
        .trimEnd()
        .split("\n")
        .map((line) => (key === "berth:environment" ? line : `# ${line}`)),
      "",
    ].map((line) => (line ? `  ${line}` : line));
  return [
    "# yaml-language-server: $schema=./stack.schema.json",
    "# Every key of a stack file. Copy to Pulumi.<stack>.yaml, uncomment what you need. Made by npm run schema.",
    "config:",
    ...rows.flatMap(comment),
    "  # Secrets: pulumi config set --secret <key>",
    ...secretKeys.map((key) => `  #   berth:${key}`),
    "",
  ].join("\n");
}

const projectFile = readFileSync(join(ROOT, "Pulumi.yaml"), "utf8");
/** Every generated file with the text it should have. */
export const generated: Readonly<Record<string, string>> = {
  "config/stack.schema.json": jsonSchema(),
  "Pulumi.yaml": projectFile.split(MARK)[0]! + keyList(),
  "docs/configuration.md": documentation(),
  "config/Pulumi.specimen.yaml": specimen(),
};

if (import.meta.main) {
  const stale = Object.entries(generated).filter(([file, text]) => {
    try {
      return readFileSync(join(ROOT, file), "utf8") !== text;
    } catch {
      return true;
    }
  });
  if (!process.argv.includes("--check")) for (const [file, text] of stale) writeFileSync(join(ROOT, file), text);
  else if (stale.length) {
    console.error(`not current: ${stale.map(([file]) => file).join(", ")}. Run: npm run schema`);
    process.exitCode = 1;
  }
}
