/** What a copy of the project is made of: this checkout as it is, or a former commit of it. */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { command, good, ROOT } from "./command.ts";

/** Fills an empty folder with files and packages. */
export type Checkout = (dir: string) => void | Promise<void>;

/** Every file of this checkout that git knows, or would; packages by a link. */
export function copyCheckout(dir: string): void {
  const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
    cwd: ROOT,
    encoding: "utf8",
  })
    .trim()
    .split("\n");
  for (const file of files.filter((name) => existsSync(join(ROOT, name)))) {
    mkdirSync(join(dir, dirname(file)), { recursive: true });
    cpSync(join(ROOT, file), join(dir, file));
  }
  linkPackages(dir);
}

const linkPackages = (dir: string): void => symlinkSync(join(ROOT, "node_modules"), join(dir, "node_modules"));

/**
 * The files of a commit; packages by a link where its lock is this checkout's, otherwise its own.
 * @throws {Error} where the clone does not have the commit
 */
export const former =
  (commit: string): Checkout =>
  async (dir) => {
    if ((await command("git", ["cat-file", "-e", `${commit}^{commit}`])).code !== 0)
      throw new Error(
        `this clone does not have commit ${commit}, from which a stack moves over; ` +
          "allowed: a clone with its whole history; fix: git fetch --unshallow (with actions/checkout: fetch-depth: 0)",
      );
    await good(command("sh", ["-c", 'git archive "$1" | tar -x -C "$2"', "sh", commit, dir]));
    const [own, its] = [ROOT, dir].map((folder) => readFileSync(join(folder, "package-lock.json"), "utf8"));
    if (own === its) linkPackages(dir);
    else await good(command("npm", ["ci", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"], { cwd: dir }));
  };
