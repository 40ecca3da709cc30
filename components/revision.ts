/** Which commit an image is built from. */
import { spawnSync } from "node:child_process";

/** Stands for the commit where there is none: outside git, and for what was never committed. */
export const UNCOMMITTED = "uncommitted";

/** The history is cut off, so that the last commit that touched a folder cannot be known. */
export class ShallowError extends Error {}

/** Looks only: git would otherwise refresh its index on the way. */
function git(folder: string, ...args: string[]): string | undefined {
  const { status, stdout, stderr, error } = spawnSync("git", ["--no-optional-locks", ...args], { cwd: folder, encoding: "utf8", env: { ...process.env, LC_ALL: "C" } });
  if (error || stderr.includes("not a git repository")) return undefined;
  if (status !== 0) throw new Error(`git ${args.join(" ")}: ${stderr.trim()}`);
  return stdout.trim();
}

/**
 * The last commit that touched a build context, not the last of all: a commit elsewhere changes no tag, and so builds nothing.
 * Twelve digits, because git's own choice grows with the repository. `-dirty` where the folder differs from that commit.
 *
 * @throws {ShallowError}
 */
export function revisionOf(context: string): string {
  if (git(context, "rev-parse", "--is-inside-work-tree") !== "true") return UNCOMMITTED;
  if (git(context, "rev-parse", "--is-shallow-repository") === "true") throw new ShallowError(context);
  const commit = git(context, "log", "-1", "--format=%H", "--", ".");
  if (!commit) return UNCOMMITTED;
  return `${commit.slice(0, 12)}${git(context, "status", "--porcelain", "--", ".") ? "-dirty" : ""}`;
}
