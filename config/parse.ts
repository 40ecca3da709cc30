/** Raw stack configuration to settings, or every problem at once. No Pulumi import. */
import { z } from "zod";
import { didYouMean } from "./nearest.ts";
import { setCommand, type Problem } from "./problems.ts";
import { type LeafMeta, metaOf, type Settings } from "./schema.ts";
import { scalarProblems } from "./scalars.ts";
import type { Fault } from "./secrets.ts";
import type { Shape } from "./shape.ts";

/** What the stack file says about one secret; the value itself stays outside. */
export interface RawSecret {
  readonly encrypted: boolean;
  /** Absent where there is none, and where only the CLI could tell. */
  readonly fault?: Fault | undefined;
}

export interface RawConfig {
  readonly stack: string;
  /** Everything but secrets, by full key (`berth:ports`), as the CLI hands it over: text, or JSON for objects. */
  readonly values: ReadonlyMap<string, string>;
  readonly secrets: ReadonlyMap<string, RawSecret>;
  /** Keys among `values` that were set with `--secret`, wholly or in part. @default none */
  readonly sealed?: ReadonlySet<string>;
  /** The stack file, as it was written. @default it is elsewhere, and not looked at */
  readonly text?: string | undefined;
}

export type Parsed =
  | { readonly settings: Settings; readonly problems: readonly [] }
  | { readonly settings?: undefined; readonly problems: readonly Problem[] };

const NAMESPACE = "berth:";

/** @param shape Keys of the system that the stack runs. */
export function parseConfig(raw: RawConfig, shape: Shape): Parsed {
  const leaves: Readonly<Record<string, z.ZodType>> = shape.settings.shape;
  // What is no place for a secret is shown in messages, and so is not looked at.
  const sealed = [...raw.values.keys()].filter((key) => raw.sealed?.has(key) && key.slice(NAMESPACE.length) in leaves);
  const entries = [...raw.values]
    .filter(([key]) => !sealed.includes(key))
    .map(([key, text]): [string, unknown] => {
      const name = key.slice(NAMESPACE.length);
      return [name, decode(text, leaves[name])];
    });
  const result = shape.settings.safeParse(Object.fromEntries(entries), { reportInput: true });
  const problems = [
    ...(result.error?.issues ?? []).flatMap((issue) => explain(issue, raw.stack, shape)),
    ...sealed.map((key) => ({
      key,
      got: "encrypted in the stack file (--secret)",
      allowed: "plain text: nothing keeps it secret where it goes. What is secret has a key of its own, or is a file",
      fix: `pulumi config rm ${key} --stack ${raw.stack}, then set it again without --secret`,
    })),
    ...(raw.text === undefined ? [] : scalarProblems(raw.text, raw.stack, (key) => isText(key, leaves))),
    ...secretProblems(raw),
    ...pairProblems(raw, shape),
  ];
  return result.success && problems.length === 0 ? { settings: result.data, problems: [] } : { problems };
}

function isText(key: string, leaves: Readonly<Record<string, z.ZodType>>): boolean {
  const leaf = leaves[key.slice(NAMESPACE.length)];
  return leaf !== undefined && unwrap(leaf) instanceof z.ZodString;
}

/** The CLI hands numbers, booleans and objects over as text; text stays text where the leaf wants text. */
function decode(text: string, schema: z.ZodType | undefined): unknown {
  const type = schema && unwrap(schema);
  if (type instanceof z.ZodString || type instanceof z.ZodEnum || type instanceof z.ZodIPv4 || type instanceof z.ZodURL)
    return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  return schema instanceof z.ZodOptional || schema instanceof z.ZodDefault ? unwrap(schema.unwrap()) : schema;
}

/** The innermost leaf on the way to a problem that describes itself. */
function metaAt(path: readonly PropertyKey[], { settings }: Shape): LeafMeta | undefined {
  let schema: z.core.$ZodType = settings;
  let found: LeafMeta | undefined;
  for (const step of path) {
    const type = unwrap(schema);
    let next: z.core.$ZodType | undefined;
    if (type instanceof z.ZodObject) next = (type.shape as Record<string, z.core.$ZodType>)[String(step)];
    else if (type instanceof z.ZodRecord) next = type.valueType;
    else if (type instanceof z.ZodArray) next = type.element;
    if (!next) break;
    schema = next;
    const meta = metaOf(schema);
    if (meta) found = meta;
  }
  return found;
}

function explain(issue: z.core.$ZodIssue, stack: string, shape: Shape): Problem[] {
  const key = NAMESPACE + issue.path.map((step, i) => (i === 0 ? "" : ".") + String(step)).join("");
  if (issue.code === "unrecognized_keys") {
    const parent = issue.path.length ? `${key}.` : NAMESPACE;
    const known = knownKeys(issue.path, shape);
    const why = (name: string): string | undefined => (issue.path.length ? undefined : shape.without[name]);
    return issue.keys.map((name) => ({
      key: parent + name,
      got: `no such key${why(name) === undefined ? didYouMean(name, known) : `: ${why(name)}`}`,
      allowed: known.join(", "),
      fix: `pulumi config rm ${issue.path.length ? "--path " : ""}${parent}${name} --stack ${stack}`,
    }));
  }
  const meta = metaAt(issue.path, shape);
  return [
    {
      key,
      got: issue.input === undefined ? "missing" : `got ${shown(issue.input)}`,
      allowed: meta ? `${meta.allowed}, such as ${JSON.stringify(meta.example)}` : issue.message,
      fix: setCommand(key, exampleFor(meta?.example, issue), stack),
    },
  ];
}

/** But for a password in a URL. */
const shown = (input: unknown): string => JSON.stringify(input).replaceAll(/(:\/\/)[^/"]*@/g, "$1…@");

/** The example of an object has all its keys; a problem with one of them shows the value of that key. */
function exampleFor(example: unknown, issue: z.core.$ZodIssue): unknown {
  const last = issue.path.at(-1);
  if (issue.path.length > 1 && typeof example === "object" && example !== null && typeof last === "string")
    return (example as Record<string, unknown>)[last] ?? Object.values(example)[0];
  return example ?? "<value>";
}

function knownKeys(path: readonly PropertyKey[], { settings, secrets }: Shape): string[] {
  let schema: z.core.$ZodType = settings;
  for (const step of path) {
    const type = unwrap(schema);
    if (type instanceof z.ZodObject) schema = (type.shape as Record<string, z.core.$ZodType>)[String(step)]!;
    else if (type instanceof z.ZodRecord) schema = type.valueType;
  }
  const type = unwrap(schema);
  const keys = type instanceof z.ZodObject ? Object.keys(type.shape) : [];
  return path.length === 0 ? [...keys, ...Object.keys(secrets)] : keys;
}

function secretProblems(raw: RawConfig): Problem[] {
  return [...raw.secrets].flatMap(([key, { encrypted, fault }]) => {
    const fix = `pulumi config set --secret ${key} --stack ${raw.stack}`;
    return [
      ...(encrypted
        ? []
        : [{ key, got: "stands in plain text in the stack file", allowed: "an encrypted value", fix }]),
      ...(fault === undefined ? [] : [{ key, ...fault, fix }]),
    ];
  });
}

/** Secrets that make sense only together. */
const pairProblems = (raw: RawConfig, { secrets }: Shape): Problem[] =>
  Object.entries(secrets)
    .filter(([given]) => raw.secrets.has(NAMESPACE + given))
    .flatMap(([given, { needs = [] }]) =>
      needs
        .filter((needed) => !raw.secrets.has(NAMESPACE + needed))
        .map((needed) => ({
          key: NAMESPACE + needed,
          got: "missing",
          allowed: `set, because ${NAMESPACE}${given} is: ${secrets[needed]!.description}`,
          fix: `pulumi config set --secret ${NAMESPACE}${needed} --stack ${raw.stack}`,
        })),
    );
