/** Whether the stand-ins were held against the conformance tests as they are now. */
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

/** What the conformance tests judge, and they themselves: files, or folders with all that is in them. */
export const JUDGED = ["bench/plugins", "bench/cli/go.mod", "test/conformance", "package-lock.json"];

function filesBelow(root: string, path: string): string[] {
  if (!statSync(join(root, path)).isDirectory()) return [path];
  return readdirSync(join(root, path), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(join(root, "/").length))
    .sort();
}

/** Changes whenever the conformance tests could come to another result. @param root The checkout. */
export function judgedHash(root: string, env: NodeJS.ProcessEnv = process.env): string {
  const hash = createHash("sha256");
  for (const file of JUDGED.flatMap((path) => filesBelow(root, path)))
    hash
      .update(`${file}\0`)
      .update(readFileSync(join(root, file)))
      .update("\0");
  const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  const versions = Object.entries(dependencies).filter(([name]) => name.startsWith("@pulumi/"));
  hash.update(JSON.stringify(versions.sort())).update(`\0${env["BERTH_PLUGIN_PATH"] ?? ""}`);
  return hash.digest("hex");
}

/** Where the last pass for a hash is kept. An empty variable counts as none, as in bin/lib.sh. */
export function stampFile(hash: string, env: NodeJS.ProcessEnv = process.env): string {
  const cache = env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  return join(env["BERTH_BENCH_HOME"] || join(cache, "berth-bench"), "conformance", hash);
}

/** When the tests passed last, as `2026-11-25 14:02`; undefined, if they never did. */
export function lastPass(stamp: string): string | undefined {
  try {
    return readFileSync(stamp, "utf8").trim();
  } catch {
    return undefined;
  }
}

export function recordPass(stamp: string, now = new Date()): void {
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, `${now.toISOString().slice(0, 16).replace("T", " ")}\n`);
}
