/**
 * The resources of the random provider that the bench has. Every input forces a
 * replacement; nothing is ever read or deleted.
 */
import { randomBytes, randomInt, randomUUID } from "node:crypto";
import { hash } from "bcryptjs";
import { applied, planned } from "../shared/resource.ts";
import type { Resource, Saved } from "../shared/resource.ts";
import { difference } from "../shared/difference.ts";
import { atLeast, bare, bool, check, int, list, map, text } from "../shared/table.ts";
import type { Table } from "../shared/table.ts";
import { secret, str } from "../shared/wire.ts";
import type { Props } from "../shared/wire.ts";
import { randomText, shuffled } from "./characters.ts";
import { ADJECTIVES, ANIMALS } from "./words.ts";

const R = { replace: true } as const;
const OUT = { output: true } as const;

/** Outputs of these names are marked secret by the provider itself. */
function define(table: Table, secrets: readonly string[], make: (inputs: Props) => Saved | Promise<Saved>): Resource {
  const hide = (outputs: Props): Props =>
    Object.fromEntries(
      Object.entries(outputs).map(([name, value]) => [name, secrets.includes(name) ? secret(value) : value]),
    );
  const full: Table = { keepers: map(R), ...table };
  return {
    check: ({ news }) => check(full, news),
    diff: ({ olds, news, ignored }) => ({ changes: difference(full, olds, news, ignored), deleteFirst: false }),
    async create({ inputs, preview }) {
      if (preview) return { id: "", outputs: planned(full, inputs) };
      const { id, outputs } = await make(inputs);
      return { id, outputs: hide({ ...(bare(inputs) as Props), ...outputs }) };
    },
    read: ({ id, inputs, outputs }) => Promise.resolve({ id, inputs, outputs: hide(outputs) }),
    update: ({ inputs, olds }) => Promise.resolve(hide(applied(planned(full, inputs, olds)))),
    delete: () => Promise.resolve(),
  };
}

const characterTable: Table = {
  length: int({ required: true, ...R, problem: atLeast(1) }),
  special: bool({ ...R, fallback: true }),
  overrideSpecial: text(R),
  upper: bool({ ...R, fallback: true }),
  lower: bool({ ...R, fallback: true }),
  numeric: bool({ ...R, fallback: true }),
  minUpper: int({ ...R, fallback: 0 }),
  minLower: int({ ...R, fallback: 0 }),
  minNumeric: int({ ...R, fallback: 0 }),
  minSpecial: int({ ...R, fallback: 0 }),
  result: text(OUT),
};

/** bcrypt reads no more than this, and refuses more. */
const BCRYPT_BYTES = 72;
const BCRYPT_COST = 10;

async function password(inputs: Props): Promise<Saved> {
  const result = randomText(inputs);
  const bcryptHash = await hash(Buffer.from(result).subarray(0, BCRYPT_BYTES).toString(), BCRYPT_COST);
  return { id: "none", outputs: { result, bcryptHash } };
}

function string(inputs: Props): Saved {
  const result = randomText(inputs);
  return { id: result, outputs: { result } };
}

function identifier(inputs: Props): Saved {
  const bytes = randomBytes(Number(inputs["byteLength"]));
  const prefix = str(inputs["prefix"] ?? "");
  const hex = bytes.toString("hex");
  return {
    id: bytes.toString("base64url"),
    outputs: {
      b64Url: prefix + bytes.toString("base64url"),
      b64Std: prefix + bytes.toString("base64"),
      hex: prefix + hex,
      dec: prefix + BigInt(`0x${hex}`).toString(),
    },
  };
}

function bytes(inputs: Props): Saved {
  const made = randomBytes(Number(inputs["length"]));
  return { id: made.toString("base64"), outputs: { base64: made.toString("base64"), hex: made.toString("hex") } };
}

function pet(inputs: Props): Saved {
  const separator = str(inputs["separator"] ?? "-");
  const any = (words: readonly string[]): string => words[randomInt(words.length)]!;
  const words = Array.from({ length: Number(inputs["length"] ?? 2) - 1 }, () => any(ADJECTIVES));
  const id = [...(inputs["prefix"] ? [str(inputs["prefix"])] : []), ...words, any(ANIMALS)].join(separator);
  return { id, outputs: {} };
}

function integer(inputs: Props): Saved {
  const result = randomInt(Number(inputs["min"]), Number(inputs["max"]) + 1);
  return { id: str(result), outputs: { result } };
}

function shuffle(inputs: Props): Saved {
  const all = (inputs["inputs"] ?? []) as string[];
  const count = Number(inputs["resultCount"] ?? all.length);
  const results: string[] = [];
  while (results.length < count && all.length > 0) results.push(...shuffled(all));
  return { id: "-", outputs: { results: results.slice(0, count) } };
}

const token = (name: string): string => `random:index/${name[0]!.toLowerCase()}${name.slice(1)}:${name}`;

export const resources: { readonly [token: string]: Resource } = {
  [token("RandomPassword")]: define({ ...characterTable, bcryptHash: text(OUT) }, ["result", "bcryptHash"], password),
  [token("RandomString")]: define(characterTable, [], string),
  [token("RandomId")]: define(
    {
      byteLength: int({ required: true, ...R, problem: atLeast(1) }),
      prefix: text(R),
      b64Url: text(OUT),
      b64Std: text(OUT),
      hex: text(OUT),
      dec: text(OUT),
    },
    [],
    identifier,
  ),
  [token("RandomBytes")]: define(
    { length: int({ required: true, ...R, problem: atLeast(1) }), base64: text(OUT), hex: text(OUT) },
    ["base64", "hex"],
    bytes,
  ),
  [token("RandomUuid")]: define({ result: text(OUT) }, [], () => {
    const result = randomUUID();
    return { id: result, outputs: { result } };
  }),
  [token("RandomPet")]: define(
    { length: int({ ...R, fallback: 2 }), prefix: text(R), separator: text({ ...R, fallback: "-" }) },
    [],
    pet,
  ),
  [token("RandomInteger")]: define(
    { min: int({ required: true, ...R }), max: int({ required: true, ...R }), result: int(OUT) },
    [],
    integer,
  ),
  [token("RandomShuffle")]: define(
    { inputs: list({ required: true, ...R }), resultCount: int(R), results: list(OUT) },
    [],
    shuffle,
  ),
};
