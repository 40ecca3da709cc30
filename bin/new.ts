/** Adds a service to a system, or a system: npm run new -- --help */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, parse } from "node:path";
import { parseArgs } from "node:util";
import { format, resolveConfig } from "prettier";
import { otherStacks } from "../config/checkout.ts";
import { generated } from "../config/generate.ts";
import { parseConfig } from "../config/parse.ts";
import { formatProblems, type Problem, ProblemsError } from "../config/problems.ts";
import type { System } from "../plan/types.ts";
import { systems } from "../systems/index.ts";
import type { SystemDefinition } from "../systems/system.ts";
import {
  type Asked,
  type Files,
  nameProblems,
  pathProblems,
  Refusal,
  serviceFiles,
  stackOf,
  storeNames,
  storeProblems,
  systemFiles,
  systemProblems,
  WORKFLOW,
} from "./scaffold.ts";
import { planOf } from "./stack.ts";

const ROOT = join(import.meta.dirname, "..");
const TEMPLATE = "services/template";
const known: Readonly<Record<string, SystemDefinition>> = systems;
const names = Object.keys(known);

const HELP = `Adds a service to a system, or a system that has no service yet.

  npm run new -- service <name> [--uses <store>,...] [--path </path>] [--system <system>]
  npm run new -- system <name> [--uses <store>,...]

A service is the folder services/<name> (FastAPI, with health, metrics and tests) and its entry,
systems/<system>/services/<name>.ts. Without --path nobody reaches it from outside.
A system is the folder systems/<name> and the stack file Pulumi.<name>-dev.yaml.
Nothing is written unless all of it can be, and can be planned.

stores: ${storeNames.join(", ")}
systems: ${names.join(", ")}, the first where none is named`;

function refuse(problems: readonly Problem[]): void {
  const { length } = problems;
  const heading = `${length === 1 ? "1 problem" : `${length} problems`}. Nothing was written.`;
  if (length) throw new Refusal(formatProblems("", problems, heading));
}

/** Texts of bin/scaffold, by their names. */
const texts = (): Readonly<Record<string, string>> =>
  Object.fromEntries(
    readdirSync(join(import.meta.dirname, "scaffold")).map((file) => [parse(file).name, read(`bin/scaffold/${file}`)]),
  );
const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");

/** What npm took for an option of its own, as `--uses=redis`. */
function keptByNpm(option: string): string[] {
  const value = process.env[`npm_config_${option}`];
  return value === undefined || value.startsWith("true") ? [] : [value];
}

/**
 * npm keeps options for itself that do not stand behind "--", and hands on what follows them. So words do as well: what
 * begins with a slash is the path, anything else a system or a store.
 */
function requestOf(words: readonly string[]): Asked {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      uses: { type: "string", multiple: true, default: [] },
      path: { type: "string" },
      system: { type: "string" },
    },
  });
  const [kind, name, ...rest] = positionals;
  if ((kind !== "service" && kind !== "system") || name === undefined) throw new Refusal(HELP);
  const [path] = [values.path ?? [], keptByNpm("path"), rest.filter((word) => word.startsWith("/"))].flat();
  const [system] = [values.system ?? [], keptByNpm("system"), rest.filter((word) => names.includes(word))].flat();
  if (kind === "system" && (path ?? system) !== undefined) throw new Refusal(HELP);
  const stores = [
    ...values.uses,
    ...keptByNpm("uses"),
    ...rest.filter((word) => !word.startsWith("/") && !names.includes(word)),
  ];
  const uses = [...new Set(stores.flatMap((store) => store.split(",")))];
  return { kind, name, uses, system: system ?? names[0]!, ...(path === undefined ? {} : { path }) };
}

/** Everything that a system has, as if all of it were switched on. */
function wholeOf({ name, shape, catalogue }: SystemDefinition): System {
  const values = new Map(Object.entries({ "berth:environment": "dev", "berth:system": name }));
  const { settings } = parseConfig({ stack: "dev", values, secrets: new Map() }, shape);
  return catalogue({ stack: "dev", settings: settings!, publicUrl: "", has: () => true, isOn: () => true });
}

function newService(request: Asked): Files {
  refuse(systemProblems(request, names));
  const definition = known[request.system]!;
  const [system, folder] = [wholeOf(definition), `systems/${definition.name}`];
  const taken = new Map([
    ...readdirSync(join(ROOT, "services")).map((name): [string, string] => [name, `the folder services/${name}`]),
    ...Object.keys(system.images).map((name): [string, string] => [name, `an image of ${definition.name}`]),
    ...system.services.map(({ name }): [string, string] => [name, `a service of ${definition.name}`]),
  ]);
  const stores = definition.stores.map(({ name }) => name);
  refuse([...nameProblems(request, taken), ...storeProblems(request, stores), ...pathProblems(request, system)]);
  const template = readdirSync(join(ROOT, TEMPLATE), { recursive: true, encoding: "utf8" })
    .filter((file) => !/(^|\/)(__pycache__|\.)/.test(file) && /\.(py|txt)$/.test(file))
    .sort();
  const place = {
    folder,
    system,
    template: Object.fromEntries(template.map((file) => [file, read(`${TEMPLATE}/${file}`)])),
    index: read(`${folder}/services/index.ts`),
  };
  return serviceFiles(request, place, texts());
}

function newSystem(request: Asked): Files {
  const stack = stackOf(request.name);
  const taken = new Map([
    ...readdirSync(join(ROOT, "systems")).map((name): [string, string] => [name, `the folder systems/${name}`]),
    ...storeNames.map((name): [string, string] => [name, "a store"]),
    ...(existsSync(join(ROOT, `Pulumi.${stack}.yaml`))
      ? [[request.name, `a system with the stack file Pulumi.${stack}.yaml`] as const]
      : []),
  ]);
  refuse([...nameProblems(request, taken), ...storeProblems(request, storeNames)]);
  const around = {
    index: read("systems/index.ts"),
    workflow: read(WORKFLOW),
    taken: new Set(otherStacks(stack, ROOT).flatMap(({ ports }) => [...ports])),
  };
  return systemFiles(request, around, texts());
}

/** Runs a script of bin/ on what is written by now. @returns what it said, where it failed */
function failure(...args: string[]): string | undefined {
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, encoding: "utf8" });
  return status === 0 ? undefined : stderr.trim();
}

/** Whether a stack can be planned as the checkout was when this program began. */
function isPlanned(stack: string): boolean {
  try {
    planOf(stack);
    return true;
  } catch (error) {
    if (error instanceof ProblemsError) return false;
    throw error;
  }
}

const stacksOf = (system: string): string[] =>
  otherStacks("", ROOT)
    .filter((other) => (other.system ?? names[0]) === system)
    .map(({ stack }) => stack);

/** Writes all files, or none: what cannot be planned with them could before. */
async function write(files: Files, { kind, name, system }: Asked): Promise<void> {
  const changed = [...Object.keys(files), ...(kind === "system" ? Object.keys(generated(systems)) : [])];
  const before = changed.map((file) => [file, existsSync(join(ROOT, file)) ? read(file) : undefined] as const);
  const fresh = new Set(changed.map(firstNew).filter((path) => path !== undefined));
  const stacks = stacksOf(system).filter(isPlanned);
  try {
    for (const [file, text] of Object.entries(files)) {
      const path = join(ROOT, file);
      mkdirSync(dirname(path), { recursive: true });
      const options = await resolveConfig(path);
      writeFileSync(path, file.endsWith(".ts") ? await format(text, { ...options, filepath: path }) : text);
    }
    const wrong =
      kind === "system"
        ? (failure("bin/schema.ts") ?? failure("bin/plan.ts", stackOf(name)))
        : stacks.map((stack) => failure("bin/plan.ts", stack)).find(Boolean);
    if (wrong !== undefined) throw new Refusal(`With it the system cannot be planned. Nothing was written.\n${wrong}`);
  } catch (error) {
    for (const [file, text] of before) if (text !== undefined) writeFileSync(join(ROOT, file), text);
    for (const path of fresh) rmSync(path, { recursive: true, force: true });
    throw error;
  }
}

/** The outermost folder of a path that is not there yet, or the file itself; undefined where it is there. */
function firstNew(file: string): string | undefined {
  const steps = file.split("/").map((_, n, all) => join(ROOT, ...all.slice(0, n + 1)));
  return steps.find((path) => !existsSync(path));
}

const next = ({ kind, name, system }: Asked): string =>
  kind === "service"
    ? `
  services/${name}/src/app/main.py    what it does
  systems/${system}/services/${name}.ts    what it needs (docs/onboarding.md)
  npm run plan ${stacksOf(system)[0] ?? ""}    where it stands
  bin/test quick    then bin/preview and bin/up`
    : `
  npm run new -- service <name> --system ${name}    its first service
  npm run plan ${stackOf(name)}    what it has already: the edge and the monitoring
  bin/up ${stackOf(name)}    starts it
  .github/workflows/preview.yml previews it; docs/environments.md adds stage and prod`;

async function main(words: readonly string[]): Promise<void> {
  if (words.includes("--help") || words.includes("-h")) {
    console.log(HELP);
    return;
  }
  const request = requestOf(words);
  const files = request.kind === "service" ? newService(request) : newSystem(request);
  await write(files, request);
  console.log([...Object.keys(files).sort(), next(request)].join("\n"));
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  const { code } = error as { code?: string };
  if (!(error instanceof Refusal) && !code?.startsWith("ERR_PARSE_ARGS")) throw error;
  console.error(error instanceof Refusal ? error.message : `${(error as Error).message}\n\n${HELP}`);
  process.exitCode = 1;
}
