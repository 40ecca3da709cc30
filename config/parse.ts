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
  const sealed = [...raw.values.keys()].filter(
    (key) => raw.sealed?.has(key) && Object.hasOwn(leaves, key.slice(NAMESPACE.length)),
  );
  const entries = [...raw.values]
    .filter(([key]) => !sealed.includes(key))
    .map(([key, text]): [string, unknown] => {
      const name = key.slice(NAMESPACE.length);
      return [name, decode(text, member(shape.settings, name))];
    });
  const result = shape.settings.safeParse(Object.fromEntries(entries), { reportInput: true });
  const problems = [
    ...once((result.error?.issues ?? []).flatMap((issue) => explain(issue, raw.stack, shape))),
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

/** A value may break several rules of one leaf, which has one message. */
const once = (problems: readonly Problem[]): Problem[] => [
  ...new Map(problems.map((problem) => [JSON.stringify(problem), problem])).values(),
];

function isText(key: string, leaves: Readonly<Record<string, z.ZodType>>): boolean {
  const leaf = leaves[key.slice(NAMESPACE.length)];
  return leaf !== undefined && unwrap(leaf) instanceof z.ZodString;
}

/**
 * The CLI hands numbers, booleans, lists and objects over as text. Inside of an object, `pulumi config set --path`
 * writes text for whatever is neither a whole number nor true or false. Text stays text where the schema wants text.
 */
function decode(value: unknown, schema: z.core.$ZodType | undefined): unknown {
  const type = schema && unwrap(schema);
  if (type === undefined || !NO_TEXT.some((kind) => type instanceof kind)) return value;
  const found = typeof value === "string" ? fromJson(value) : value;
  if (typeof found !== "object" || found === null) return found;
  if (type instanceof z.ZodArray && Array.isArray(found)) return found.map((item) => decode(item, type.element));
  const inside = (name: string) => (type instanceof z.ZodRecord ? type.valueType : member(type, name));
  return Array.isArray(found)
    ? found
    : Object.fromEntries(Object.entries(found).map(([name, one]) => [name, decode(one, inside(name))]));
}

const NO_TEXT = [z.ZodNumber, z.ZodBoolean, z.ZodObject, z.ZodRecord, z.ZodArray] as const;

function fromJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** What an object has under a name; nothing under one that every object has. */
function member(type: z.core.$ZodType, name: string): z.core.$ZodType | undefined {
  const shape = type instanceof z.ZodObject ? (type.shape as Record<string, z.core.$ZodType>) : {};
  return Object.hasOwn(shape, name) ? shape[name] : undefined;
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  return schema instanceof z.ZodOptional || schema instanceof z.ZodDefault ? unwrap(schema.unwrap()) : schema;
}

/** The innermost leaf on the way to a problem that describes itself, and the way from there. */
function metaAt(
  path: readonly PropertyKey[],
  { settings }: Shape,
): { readonly meta: LeafMeta; readonly inside: readonly PropertyKey[] } | undefined {
  let schema: z.core.$ZodType = settings;
  let found: ReturnType<typeof metaAt>;
  for (const [n, step] of path.entries()) {
    const type = unwrap(schema);
    let next: z.core.$ZodType | undefined;
    if (type instanceof z.ZodObject) next = member(type, String(step));
    else if (type instanceof z.ZodRecord) next = type.valueType;
    else if (type instanceof z.ZodArray) next = type.element;
    if (!next) break;
    schema = next;
    const meta = metaOf(schema);
    if (meta) found = { meta, inside: path.slice(n + 1) };
  }
  return found;
}

/** As `pulumi config set --path` has it. */
const keyOf = (path: readonly PropertyKey[]): string =>
  NAMESPACE +
  path.map((step, n) => (typeof step === "number" ? `[${step}]` : `${n ? "." : ""}${String(step)}`)).join("");

function explain(issue: z.core.$ZodIssue, stack: string, shape: Shape): Problem[] {
  const key = keyOf(issue.path);
  if (issue.code === "unrecognized_keys") return issue.keys.map((name) => unknownKey(name, issue.path, stack, shape));
  const found = metaAt(issue.path, shape);
  return [
    {
      key,
      got: issue.input === undefined ? "missing" : `got ${shown(issue.input)}`,
      allowed: found ? `${found.meta.allowed}, such as ${JSON.stringify(found.meta.example)}` : issue.message,
      fix:
        // It is the name that is wrong.
        issue.code === "invalid_key"
          ? `pulumi config rm --path ${key} --stack ${stack}`
          : setCommand(key, found ? exampleOf(found.meta.example, found.inside) : "<value>", stack),
    },
  ];
}

function unknownKey(name: string, path: readonly PropertyKey[], stack: string, shape: Shape): Problem {
  const key = path.length ? `${keyOf(path)}.${name}` : NAMESPACE + name;
  const known = knownKeys(path, shape);
  const why = path.length ? undefined : Object.entries(shape.without).find(([other]) => other === name)?.[1];
  const remove = `pulumi config rm ${path.length ? "--path " : ""}${key} --stack ${stack}`;
  // What `pulumi config set` makes of a path that it is not told of.
  const [head] = name.split(/[.[]/, 1) as [string];
  return path.length === 0 && head !== name && known.includes(head)
    ? {
        key,
        got: "no such key: without --path, dots and brackets are part of a name",
        allowed: `${NAMESPACE}${head} with what is inside of it`,
        fix: `${remove}, then pulumi config set --path ${key} '<value>' --stack ${stack}`,
      }
    : {
        key,
        got: `no such key${why === undefined ? didYouMean(name, known) : `: ${why}`}`,
        allowed: known.join(", "),
        fix: remove,
      };
}

/** But for a password in a URL. */
const shown = (input: unknown): string => JSON.stringify(input).replaceAll(/(:\/\/)[^/"]*@/g, "$1…@");

/** The example of an object has all its keys, and that of a list its items: of what is inside, that part. */
function exampleOf(example: unknown, [step, ...inside]: readonly PropertyKey[]): unknown {
  if (step === undefined || typeof example !== "object" || example === null) return example;
  const parts = example as Readonly<Record<PropertyKey, unknown>>;
  return exampleOf(parts[step] ?? Object.values(parts)[0], inside);
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
