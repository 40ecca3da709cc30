/** Which commit an image is built from. */
import { spawnSync } from "node:child_process";
import { dirname, relative } from "node:path";
import type { ImageSpec } from "../plan/types.ts";

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
  /** Twelve digits, with `-dirty` where a folder differs from that commit; UNCOMMITTED without one. */
  readonly revision: string;
  /** When it was committed, as 2026-12-31T23:59:59Z. */
  readonly created?: string;
}

/** What an image is made of: its build context, and the folder of a Dockerfile that stands elsewhere. */
export const foldersOf = ({ context, dockerfile }: Pick<ImageSpec, "context" | "dockerfile">): readonly string[] =>
  dockerfile === undefined ? [context] : [context, dirname(dockerfile)];

/**
 * The last commit that touched one of an image's folders, not the last of all: a commit elsewhere changes no tag, and
 * so builds nothing. Twelve digits, because git's own choice grows with the repository.
 *
 * @throws {ShallowError}
 */
export function commitOf(folders: readonly string[]): Commit {
  const context = folders[0]!;
  const paths = folders.map((folder) => relative(context, folder) || ".");
  const [inside, shallow] =
    git(context, "rev-parse", "--is-inside-work-tree", "--is-shallow-repository")?.split("\n") ?? [];
  if (inside !== "true") return { revision: UNCOMMITTED };
  if (shallow === "true") throw new ShallowError(context);
  const [commit, seconds] = git(context, "log", "-1", "--format=%H %ct", "--", ...paths)?.split(" ") ?? [];
  if (!commit) return { revision: UNCOMMITTED };
  return {
    revision: `${commit.slice(0, 12)}${git(context, "status", "--porcelain", "--", ...paths) ? "-dirty" : ""}`,
    created: new Date(Number(seconds) * 1000).toISOString().replace(".000Z", "Z"),
  };
}

/** @throws {ShallowError} */
export const revisionOf = (folders: readonly string[]): string => commitOf(folders).revision;
