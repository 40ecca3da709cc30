/** Reads a folder of OSV entries, one JSON file each, at any depth: what `all.zip` of an ecosystem unpacks to. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Entry, keyOf } from "./osv.ts";

export interface Database {
  readonly folder: string;
  readonly count: number;
  /** Day of the newest entry. */
  readonly newest: string;
  /** Ecosystems that it has anything of. Of others it says nothing, which is not the same as nothing bad. */
  readonly ecosystems: ReadonlySet<string>;
  readonly known: ReadonlyMap<string, readonly Entry[]>;
}

/**
 * Keeps only what speaks of the packages asked for: a whole database has some hundred thousand entries.
 *
 * @returns undefined where there is no entry at all. @throws {Error} naming a file that is no entry.
 */
export function readDatabase(folder: string, keys: ReadonlySet<string>): Database | undefined {
  const files = existsSync(folder)
    ? readdirSync(folder, { recursive: true, encoding: "utf8" })
        .filter((name) => name.endsWith(".json"))
        .sort()
    : [];
  if (files.length === 0) return undefined;
  const [ecosystems, known] = [new Set<string>(), new Map<string, Entry[]>()];
  let newest = "";
  for (const file of files) {
    const entry = read(join(folder, file));
    if ((entry.modified ?? "") > newest) newest = entry.modified!;
    const packages = (entry.affected ?? []).flatMap((affected) => affected.package ?? []);
    for (const { ecosystem } of packages) ecosystems.add(ecosystem);
    for (const key of new Set(packages.map(({ ecosystem, name }) => keyOf(ecosystem, name))))
      if (keys.has(key)) known.set(key, [...(known.get(key) ?? []), entry]);
  }
  return { folder, count: files.length, newest: newest.slice(0, 10) || "unknown", ecosystems, known };
}

function read(file: string): Entry {
  let entry: Partial<Entry> | null;
  try {
    entry = JSON.parse(readFileSync(file, "utf8")) as Partial<Entry> | null;
  } catch (error) {
    throw new Error(`${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  if (typeof entry?.id !== "string" || (entry.affected !== undefined && !Array.isArray(entry.affected)))
    throw new Error(`${file} is no entry in the OSV format: it needs "id", and "affected" as a list`);
  return entry as Entry;
}
