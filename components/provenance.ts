/** What an image says of its own making, as build arguments that every Dockerfile of services/ turns into labels. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { ImageSpec } from "../plan/types.ts";
import { type Commit, commitOf, foldersOf } from "./revision.ts";

/**
 * Stands for what cannot be known. It must not change from run to run: an argument that does is a change of the stack.
 */
export const UNKNOWN = "unknown";

const project = (): { version: string; repository?: string | { url: string } } =>
  JSON.parse(readFileSync(join(import.meta.dirname, "../package.json"), "utf8")) as ReturnType<typeof project>;

export const version = (): string => project().version;

/**
 * The same for the same tree, whoever builds it and whenever: no clock, and not git's remote, which differs between
 * clones and may hold a token. Source is `repository` of package.json.
 */
export function provenanceOf(
  image: Pick<ImageSpec, "context" | "dockerfile">,
): Readonly<Record<"VERSION" | "REVISION" | "CREATED" | "SOURCE", string>> {
  const { repository = UNKNOWN } = project();
  const { revision, created = UNKNOWN } = commit(foldersOf(image));
  return {
    VERSION: version(),
    REVISION: revision,
    CREATED: created,
    SOURCE: typeof repository === "string" ? repository : repository.url.replace(/^git\+/, ""),
  };
}

/**
 * What git refuses (half a history, another user's checkout) is no reason to build nothing; a
 * name in a registry is (image-sources.ts).
 */
function commit(folders: readonly string[]): Commit {
  try {
    return commitOf(folders);
  } catch {
    return { revision: UNKNOWN };
  }
}
