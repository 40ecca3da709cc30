/**
 * The digest of a build context: what the image depends on as far as the provider can see. Names, modes and contents
 * count; times, owners and empty folders do not (1.3). So a second checkout with another umask builds anew.
 */
import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, realpathSync } from "node:fs";
import type { Stats } from "node:fs";
import { join } from "node:path";
import { hasExceptions, ignored, readRules } from "./ignore.ts";

const sha256 = (content: Buffer | string): string => createHash("sha256").update(content).digest("hex");

function contentOf(path: string, stats: Stats): string {
  if (stats.isSymbolicLink()) return sha256(realpathSync(path));
  return stats.isFile() ? sha256(readFileSync(path)) : sha256("");
}

export interface ContextFile {
  readonly path: string;
  readonly stats: Stats;
}

/** What a build context holds, without what is ignored. Empty folders are nothing. */
export function contextFiles(context: string, dockerfile: string): ContextFile[] {
  const rules = readRules(context, dockerfile);
  const walk = (folder: string): ContextFile[] =>
    readdirSync(join(context, folder))
      .sort()
      .flatMap((name) => {
        const path = folder === "" ? name : `${folder}/${name}`;
        const stats = lstatSync(join(context, path));
        const out = ignored(rules, path);
        // An ignored folder may still hold an exception.
        if (stats.isDirectory()) return !out || hasExceptions(rules) ? walk(path) : [];
        return out ? [] : [{ path, stats }];
      });
  return walk("");
}

export function contextDigest(context: string, dockerfile: string): string {
  const total = createHash("sha256");
  const add = (name: string, mode: string, content: string): void =>
    void total.update(`${name}\0${mode}\0${content}\0`);
  add("Dockerfile", "", sha256(readFileSync(dockerfile)));
  for (const { path, stats } of contextFiles(context, dockerfile))
    add(path, stats.mode.toString(8), contentOf(join(context, path), stats));
  return total.digest("hex");
}
