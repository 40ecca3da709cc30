/**
 * What is made from the keys of the systems: the JSON schema of the stack files (editors check and complete them), the
 * key list in Pulumi.yaml, docs/configuration.md and a specimen stack file.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { z } from "zod";
import { commonSettings, leaf, type LeafMeta, metaOf } from "./schema.ts";
import type { SecretLeaf } from "./secrets.ts";
import type { Shape } from "./shape.ts";

const ROOT = join(import.meta.dirname, "..");
const MARK = "# ---- keys (made by npm run schema)";

/** Systems by name, the first of which a stack runs that names none. */
type Systems = Readonly<Record<string, { readonly shape: Shape; readonly documentation: () => string }>>;
type Leaves = Readonly<Record<string, z.ZodType>>;

interface Row {
  readonly key: string;
  readonly meta: LeafMeta;
  readonly fallback: string;
}

const rows = (leaves: Leaves): Row[] =>
  Object.entries(leaves).map(([name, type]) => ({
    key: `berth:${name}`,
    meta: metaOf(type)!,
    fallback: fallbackOf(type),
  }));

function fallbackOf(type: z.core.$ZodType): string {
  if (type instanceof z.ZodDefault) return JSON.stringify(type.def.defaultValue);
  return type instanceof z.ZodOptional ? "see the description" : "none: must be set";
}

/** Keys that every system has; which systems there are, the schema itself does not know. */
function commonOf(systems: Systems): Leaves {
  const names = Object.keys(systems);
  const { description } = metaOf(commonSettings.system)!;
  const meta = { description, allowed: names.join(", "), example: names[0] };
  return { ...commonSettings, system: leaf(z.enum(names).default(names[0]!), meta) };
}

/** Keys that only some systems have. */
const ownOf = ({ settings }: Shape): Leaves =>
  Object.fromEntries(Object.entries(settings.shape).filter(([name]) => !(name in commonSettings)));

const secretSchema = ({ description }: SecretLeaf) => ({
  description,
  type: "object",
  properties: { secure: { type: "string" } },
  required: ["secure"],
  additionalProperties: false,
});

/** What `pulumi config set` writes of what is no text, and config/parse.ts takes. */
const TEXTS: Readonly<Record<string, string>> = {
  integer: String.raw`^-?\d+$`,
  number: String.raw`^-?\d+(\.\d+)?$`,
  boolean: "^(true|false)$",
  array: String.raw`^\[`,
  object: String.raw`^\{`,
};

function leafSchema(type: z.ZodType) {
  // A leaf's own words about itself are documentation, not JSON schema.
  const schema = z.toJSONSchema(type, {
    io: "input",
    override: ({ jsonSchema, path }) => {
      for (const key of ["allowed", "example", "testData"]) delete jsonSchema[key];
      // Where text is one of several, text stays text.
      const pattern = path.includes("anyOf") ? undefined : TEXTS[String(jsonSchema.type)];
      if (pattern !== undefined) Object.assign(jsonSchema, { type: [jsonSchema.type, "string"], pattern });
    },
  });
  delete schema.$schema;
  const meta = metaOf(type)!;
  return { ...schema, description: `${meta.description} Allowed: ${meta.allowed}.`, examples: [meta.example] };
}

const mapped = <T, R>(all: Readonly<Record<string, T>>, to: (one: T, name: string) => R): Record<string, R> =>
  Object.fromEntries(Object.entries(all).map(([name, one]) => [`berth:${name}`, to(one, name)]));

/** What the stack file of one system may have. */
const configSchema = (name: string, { settings, secrets }: Shape, isDefault: boolean) => ({
  title: name,
  type: "object",
  required: ["berth:environment", ...(isDefault ? [] : ["berth:system"])],
  properties: {
    ...mapped(settings.shape, (type: z.ZodType, leaf) =>
      leaf in commonSettings && leaf !== "system" ? { $ref: `#/definitions/berth:${leaf}` } : leafSchema(type),
    ),
    ...mapped(secrets, secretSchema),
  },
  patternProperties: { "^(?!berth:)": {} },
  additionalProperties: false,
});

function jsonSchema(systems: Systems): string {
  const schema = {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Stack file of berth",
    type: "object",
    properties: {
      config: { anyOf: Object.entries(systems).map(([name, { shape }], n) => configSchema(name, shape, n === 0)) },
    },
    patternProperties: { "^(encryptionsalt|encryptedkey|secretsprovider|environment)$": {} },
    additionalProperties: false,
    definitions: mapped(commonSettings, leafSchema),
  };
  return `${JSON.stringify(schema, null, 2)}\n`;
}

function keyList(systems: Systems): string {
  const lines = (leaves: Leaves) => rows(leaves).map(({ key, meta }) => `#   ${key}: ${meta.description}`);
  const secrets = ({ secrets }: Shape) =>
    Object.entries(secrets).map(([key, { description }]) => `#   berth:${key} (secret): ${description}`);
  return [
    MARK,
    ...lines(commonOf(systems)),
    "#   docker:host: the engine, such as ssh://deploy@host (the docker provider's own key). Default: this machine's.",
    ...Object.entries(systems).flatMap(([name, { shape }]) => [
      `# With berth:system ${name}:`,
      ...lines(ownOf(shape)),
      ...secrets(shape),
    ]),
    "",
  ].join("\n");
}

const cell = (text: string) => text.replaceAll("|", "\\|");

const keyTable = (leaves: Leaves): string => `| key | meaning | allowed | default | example |
|---|---|---|---|---|
${rows(leaves)
  .map(
    ({ key, meta, fallback }) =>
      `| \`${key}\` | ${cell(meta.description)} | ${cell(meta.allowed)} | \`${cell(fallback)}\` | \`${cell(JSON.stringify(meta.example))}\` |`,
  )
  .join("\n")}`;

const secretTable = ({ secrets }: Shape): string => `| key | meaning | without it | shortest |
|---|---|---|---|
${Object.entries(secrets)
  .map(
    ([key, { description, generated, minLength }]) =>
      `| \`berth:${key}\` | ${cell(description)} | ${generated ? `generated, ${generated} characters` : "off"} | ${minLength} |`,
  )
  .join("\n")}`;

const documentation = (systems: Systems): string => `# Configuration

Made from config/schema.ts and systems/ by \`npm run schema\`. A stack file (\`Pulumi.<stack>.yaml\`) is checked as a
whole before anything is touched; every problem is reported with the command that mends it. Inside an object:
\`pulumi config set --path berth:ports.edge 8000\`. A key that the system of the stack never reads is refused as unknown.

## Every system

${keyTable(commonOf(systems))}

Secrets are set with \`pulumi config set --secret berth:<name>\`; it asks for the value, which then stands encrypted in the stack file. What
is not set is generated, or its feature is off. Containers get secrets as files under \`/etc/berth/secrets\`, never as environment variables.

${Object.entries(systems)
  .map(([name, { shape }]) => `## With \`berth:system\` ${name}\n\n${keyTable(ownOf(shape))}\n\n${secretTable(shape)}`)
  .join("\n\n")}

## Environment of the scripts

| variable | meaning |
|---|---|
| \`PULUMI_CONFIG_PASSPHRASE\`, \`PULUMI_CONFIG_PASSPHRASE_FILE\` | What the secrets of a stack are encrypted with. In the environment dev: \`berth-dev\` |
| \`PULUMI_BACKEND_URL\` | Where states are. Without it: \`.state\` of this checkout |
| \`DOCKER_HOST\` | The engine, for scripts and program, where \`docker:host\` names none. Scripts set it where a context of the docker client (\`docker context use\`) names another than this machine's; plain \`pulumi\` refuses that, because the docker provider knows no contexts |
| \`BERTH_OFF\` | Services that this machine cannot run, besides \`berth:off\` |
| \`BERTH_INSTEAD\` | What this machine has instead of a system's own defaults, as JSON: system, key of the stack file, value. What the stack file says counts more |
| \`BERTH_BASE_IMAGES\` | Images that this machine runs in the place of those of the system, unless \`berth:baseImages\` names others: \`wanted=instead\`, separated by spaces |
| \`BERTH_KEEP_RELEASES\`, \`BERTH_KEEP_STATES\` | How many releases (5) and former states (50) are kept of a stack |
| \`BERTH_OSV\` | Where \`bin/scan\` finds what is known against packages: \`.state/osv\` |
| \`BERTH_BUILD_CACHE\` | How much build cache is kept: \`4GB\` |
| \`BERTH_BENCH\`, \`BERTH_BENCH_HOME\`, \`BERTH_PLUGIN_PATH\` | The [bench](bench.md): use it, where it is kept, other plugins than the stand-ins |

${Object.values(systems)
  .map((system) => system.documentation())
  .join("\n")}`;

function specimen(systems: Systems): string {
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
    ...rows(commonOf(systems)).flatMap(comment),
    ...Object.entries(systems).flatMap(([name, { shape }]) => [
      `  # ---- With berth:system ${name}`,
      ...rows(ownOf(shape)).flatMap(comment),
      "  # Secrets: pulumi config set --secret <key>",
      ...Object.keys(shape.secrets).map((key) => `  #   berth:${key}`),
    ]),
    "",
  ].join("\n");
}

/** Every generated file with the text it should have. */
export function generated(systems: Systems): Readonly<Record<string, string>> {
  const project = readFileSync(join(ROOT, "Pulumi.yaml"), "utf8").split(MARK)[0]!;
  return {
    "config/stack.schema.json": jsonSchema(systems),
    "Pulumi.yaml": project + keyList(systems),
    "docs/configuration.md": documentation(systems),
    "config/Pulumi.specimen.yaml": specimen(systems),
  };
}
