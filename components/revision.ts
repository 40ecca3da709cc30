/** Which commit an image is built from. */
import { spawnSync } from "node:child_process";

/** Stands for the commit where there is none: outside git, and for what was never committed. */
export const UNCOMMITTED = "uncommitted";

/** The history is cut off, so that the last commit that touched a folder cannot be known. */
export class ShallowError extends Error {}

/** Looks only: git would otherwise refresh its index on the way. */
function git(folder: string, ...args: string[]): string | undefined {
  const { status, stdout, stderr, error } = spawnSync("git", ["--no-optional-locks", ...args], {
    cwd: folder,
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C" },
  });
  if (error || /not a git repository|does not have any commits yet/.test(stderr)) return undefined;
  if (status !== 0) throw new Error(`git ${args.join(" ")}: ${stderr.trim()}`);
  return stdout.trim();
}

export interface Commit {
  /** Twelve digits, with `-dirty` where the folder differs from that commit; UNCOMMITTED without one. */
  readonly revision: string;
  /** When it was committed, as 2026-12-31T23:59:59Z. */
  readonly created?: string;
}

/**
 * The last commit that touched a build context, not the last of all: a commit elsewhere changes no tag, and so builds
 * nothing. Twelve digits, because git's own choice grows with the repository.
 *
 * @throws {ShallowError}
 */
export function commitOf(context: string): Commit {
  if (git(context, "rev-parse", "--is-inside-work-tree") !== "true") return { revision: UNCOMMITTED };
  if (git(context, "rev-parse", "--is-shallow-repository") === "true") throw new ShallowError(context);
  const [commit, seconds] = git(context, "log", "-1", "--format=%H %ct", "--", ".")?.split(" ") ?? [];
  if (!commit) return { revision: UNCOMMITTED };
  return {
    revision: `${commit.slice(0, 12)}${git(context, "status", "--porcelain", "--", ".") ? "-dirty" : ""}`,
    created: new Date(Number(seconds) * 1000).toISOString().replace(".000Z", "Z"),
  };
}

/** @throws {ShallowError} */
export const revisionOf = (context: string): string => commitOf(context).revision;
