/** The source of a release: the files of a checkout, of which it knows one stack file. */
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { parse } from "yaml";
import { sha256 } from "./archive.ts";

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));

const hashes = (folder: string, files: readonly string[]): Map<string, string> =>
  new Map(files.map((file) => [file, sha256(readFileSync(join(folder, file)))]));

/**
 * What two folders differ in. @param files Those of the other that count. @default all
 * @returns files, but of the stack file its keys
 */
export function differences(one: string, other: string, stackFile: string, files = filesIn(other)): string[] {
  if (one === other) return [];
  const [a, b] = [hashes(one, filesIn(one)), hashes(other, files)];
  return [...new Set([...a.keys(), ...b.keys()])]
    .filter((file) => a.get(file) !== b.get(file))
    .sort()
    .flatMap((file) => {
      const keys = file === stackFile ? changedKeys(join(one, file), join(other, file)) : [];
      return keys.length ? keys : [file];
    });
}

function changedKeys(one: string, other: string): string[] {
  const [a, b] = [one, other].map(
    (file) => (parse(readFileSync(file, "utf8")) as { config?: Record<string, unknown> }).config ?? {},
  ) as [Record<string, unknown>, Record<string, unknown>];
  return [...new Set([...Object.keys(a), ...Object.keys(b)])]
    .filter((key) => JSON.stringify(a[key]) !== JSON.stringify(b[key]))
    .sort();
}
