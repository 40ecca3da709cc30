/** What a Dockerfile of ours makes of the image that it is built on, as far as its text says. */
import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { ImageSpec } from "../../plan/types.ts";
import { programsIn } from "./shell.ts";

const ROOT = join(import.meta.dirname, "../..");
/** Programs of the packages that are installed. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  "ca-certificates": ["openssl", "update-ca-certificates"],
  curl: ["curl"],
  "libpython3-stdlib": [],
  "python3-minimal": ["python3"],
  "python3-pymongo": [],
  rclone: ["rclone"],
};

export interface Folder {
  readonly uid: number;
  readonly gid: number;
  readonly mode: string;
}

/** A part of a Dockerfile that begins with FROM. */
export interface Stage {
  /** Reference of the image, or name of the stage, that it is built on. */
  readonly from: string;
  /** What its RUN lines start. */
  readonly runs: ReadonlySet<string>;
  /** What it brings besides. */
  readonly programs: ReadonlySet<string>;
  /** Folders that are made with an owner, as `install -d` makes them. */
  readonly folders: Readonly<Record<string, Folder>>;
}

/** The stages of an image's Dockerfile by name. @throws {Error} where it installs a package that is not known here. */
export function stagesOf({ context, dockerfile = `${context}/Dockerfile`, args }: ImageSpec): Map<string, Stage> {
  const text = readFileSync(join(ROOT, dockerfile), "utf8")
    .replace(/^\s*#.*\n/gm, "")
    .replace(/\\\n/g, " ");
  const values: Record<string, string> = {};
  const stages = new Map<string, Stage>();
  let stage: { from: string; runs: Set<string>; programs: Set<string>; folders: Record<string, Folder> } | undefined;
  for (const line of text.split("\n")) {
    const [, word = "", rest = ""] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
    if (word === "ARG" && stage === undefined) {
      const [name = "", value = ""] = rest.split("=");
      values[name] = args[name] ?? value;
    } else if (word === "ARG" && rest === "SHARED" && stage) {
      // Files of all Python services, as a JSON object (systems/parts/python.ts).
      for (const path of Object.keys(JSON.parse(args["SHARED"]!) as object))
        if (path.startsWith("bin/")) stage.programs.add(basename(path));
    } else if (word === "FROM") {
      const [, from = "", name = String(stages.size)] = /^(\S+)(?: AS (\S+))?/.exec(rest)!;
      stage = {
        from: from.replaceAll(/\$\{(\w+)\}/g, (_, variable: string) => values[variable] ?? ""),
        runs: new Set(),
        programs: new Set(),
        folders: {},
      };
      stages.set(name, stage);
    } else if (word === "RUN" && stage) {
      const told = rest.replaceAll(/\$\{(\w+)\}/g, (_, variable: string) => values[variable] ?? "");
      for (const program of programsIn(rest)) stage.runs.add(program);
      for (const name of packagesIn(rest, args)) {
        const programs = PACKAGES[name];
        if (programs === undefined) throw new Error(`${dockerfile}: which programs are in the package ${name}?`);
        for (const program of programs) stage.programs.add(program);
      }
      for (const [, uid, gid, mode, folders] of told.matchAll(/install -d -o (\d+) -g (\d+) -m (\d{4}) ([\w/ -]+)/g))
        for (const folder of folders!.trim().split(/\s+/))
          stage.folders[folder] = { uid: Number(uid), gid: Number(gid), mode: mode! };
    } else if (word === "COPY" && stage && !rest.includes("--from=")) {
      // Ours: `COPY --chmod=0555 bin/ /app/bin/`.
      if (/ bin\*?\/? /.test(rest))
        for (const file of globSync("bin/*", { cwd: join(ROOT, context) })) stage.programs.add(basename(file));
    } else if (word === "COPY" && stage) for (const program of copied(rest, stages)) stage.programs.add(program);
  }
  return stages;
}

const packagesIn = (run: string, args: Readonly<Record<string, string>>): string[] =>
  [...run.matchAll(/apt-get install ([^&;|]+)/g)].flatMap(([, words]) =>
    words!
      .trim()
      .split(/\s+/)
      .filter((word) => !word.startsWith("-"))
      // Named by an argument.
      .flatMap((word) => (word.startsWith("$") ? (args[word.slice(1)] ?? "").split(" ").filter(Boolean) : word)),
  );

/** A program by its own name; those of Redis are known by their folder. */
const copied = (rest: string, stages: ReadonlyMap<string, Stage>): string[] => {
  const [, from = "", path = "", to = ""] = /--from=(\S+) (\S+) (\S+)/.exec(rest) ?? [];
  if (path === "/opt/redis") return ["redis-check-rdb", "redis-cli", "redis-server"];
  return stages.has(from) && /\/bin\/[\w-]+$/.test(to) ? [basename(to)] : [];
};
