/** Folders of the checkout that containers mount in development, held against what their processes may read. */
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { isElsewhere } from "../config/engine.ts";
import type { Problem } from "../config/problems.ts";
import type { Plan } from "../plan/types.ts";

/** Group of every process (plan/container.ts). */
const GROUP = 0;

function mayRead(path: string, user: number): boolean {
  const stats = statSync(path);
  const wanted = stats.isDirectory() ? 0o5 : 0o4;
  const rights = stats.uid === user ? stats.mode >> 6 : stats.gid === GROUP ? stats.mode >> 3 : stats.mode;
  return (rights & wanted) === wanted;
}

/** The first file or folder that a process of this user may not read; undefined where it may read them all. */
export function unreadable(folder: string, user: number): string | undefined {
  const all = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() || entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
  return [folder, ...all].find((path) => !mayRead(path, user));
}

/**
 * An engine makes an empty folder of what is not there, as all of this checkout is on another machine; what may not be
 * read, the process finds out when it starts.
 * @param engine Its address; undefined: this machine's.
 */
export function sourceProblems({ services, stack }: Plan, engine: string | undefined): Problem[] {
  const key = "berth:sourceMounts";
  const off = `pulumi config set ${key} false --stack ${stack}`;
  const mounting = services.filter(({ sources }) => Object.keys(sources).length > 0);
  if (engine !== undefined && isElsewhere(engine) && mounting.length)
    return [
      {
        key,
        got: `on, while the engine is on another machine (${engine}): there, each folder would be an empty one`,
        allowed: "an engine of this machine, which sees this checkout",
        fix: `${off} && pulumi config set berth:imageTarget runtime --stack ${stack}`,
      },
    ];
  return mounting.flatMap(({ name, uid, sources }) =>
    Object.keys(sources).flatMap((folder) => {
      const is = existsSync(folder);
      const path = is ? unreadable(folder, uid) : folder;
      return path === undefined
        ? []
        : [
            {
              key,
              got: is ? `${path}, which ${name} (uid ${uid}) may not read` : `${path}, which is not there, for ${name}`,
              allowed: "folders of this checkout that everybody may read, whatever the umask was when it was cloned",
              fix: is ? `chmod -R go+rX ${folder}` : off,
            },
          ];
    }),
  );
}
