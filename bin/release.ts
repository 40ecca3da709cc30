/**
 * What was released, so that bin/rollback can bring it back: node bin/release.ts <command> <stack> [number]
 * .state/releases/<stack>/<number>/ holds `source` (the checkout as it was applied, stack file included) and
 * release.json. The images stay on the engine, each under a tag of its release, so that nothing prunes them.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { userInfo } from "node:os";
import { dirname, join } from "node:path";
import { parse, stringify } from "yaml";
import { imageName, repository } from "../plan/names.ts";
import type { Plan } from "../plan/types.ts";
import { type StackFile, stateFolder } from "../config/checkout.ts";
import { keeping } from "./build-cache.ts";
import { type Readable, readable } from "./release-file.ts";
import { builtImages, planOf, useEngineOf } from "./stack.ts";

interface Release {
  readonly number: number;
  readonly time: string;
  readonly user: string;
  /** Short git commit, `+` behind it if something was not committed; empty outside git. */
  readonly commit: string;
  /** Image of the system → local id or digest. */
  readonly images: Readonly<Record<string, string>>;
  /** Files and images that differ from the release before. */
  readonly changed: readonly string[];
}

const KEEP = Number(process.env["BERTH_KEEP_RELEASES"] ?? 5);
/**
 * Former states that a backend of files keeps of a stack, whole, for `pulumi
 * stack history`; the CLI itself forgets none.
 */
const KEEP_STATES = Number(process.env["BERTH_KEEP_STATES"] ?? 50);
const [task = "list", stack = "dev", wanted] = process.argv.slice(2);
const folder = join(".state/releases", stack);
const stackFile = `Pulumi.${stack}.yaml`;
const place = (release: number | "next", ...more: string[]) => join(folder, String(release), ...more);

class Refusal extends Error {}
const run = (file: string, ...args: string[]): string =>
  execFileSync(file, args, { encoding: "utf8", maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "ignore"] }).trim();
const lines = (file: string, ...args: string[]): string[] =>
  run(file, ...args)
    .split(/[\n\0]/)
    .filter(Boolean);
const works = (file: string, ...args: string[]): boolean => spawnSync(file, args, { stdio: "ignore" }).status === 0;

const numbers = (): number[] =>
  (existsSync(folder) ? readdirSync(folder) : [])
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .sort((a, b) => b - a);
const read = (release: number): Release => JSON.parse(readFileSync(place(release, "release.json"), "utf8")) as Release;
const current = (): number | undefined =>
  existsSync(join(folder, "current")) ? Number(readFileSync(join(folder, "current"), "utf8")) : undefined;
const setCurrent = (release: number) => writeFileSync(join(folder, "current"), `${release}\n`);

const inGit = () => works("git", "rev-parse", "--is-inside-work-tree");
/** Files that git would keep; other stacks' files decide nothing here. */
const sources = (): string[] =>
  (inGit()
    ? lines("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    : lines(
        "find",
        ".",
        "(",
        "-name",
        "node_modules",
        "-o",
        "-name",
        ".state",
        ")",
        "-prune",
        "-o",
        "!",
        "-type",
        "d",
        "-printf",
        "%P\\0",
      )
  ).filter(
    (file) =>
      statSync(file, { throwIfNoEntry: false })?.isFile() &&
      (file === stackFile || !/^Pulumi\.[^/]+\.yaml$/.test(file)),
  );

/** Before an up: what is applied is what is kept, whoever edits meanwhile. */
function take(): void {
  rmSync(place("next"), { recursive: true, force: true });
  for (const file of [...sources(), stackFile]) {
    mkdirSync(dirname(place("next", "source", file)), { recursive: true });
    cpSync(file, place("next", "source", file), { verbatimSymlinks: true });
  }
}

const tag = (plan: Plan, image: string, release: number | "*") =>
  `berth-release/${plan.system}/${plan.stack}/${image}${release === "*" ? "" : `:${release}`}`;

/** After an up that succeeded. One that changed nothing is no release. */
function keep(): void {
  dropStates();
  const before = current();
  const [latest = 0] = numbers();
  const plan = planOf(stack, undefined, place("next", "source"));
  const byService = JSON.parse(run("pulumi", "stack", "output", "images", "--json", "--stack", stack)) as Record<
    string,
    string
  >;
  const images = builtImages(plan, byService) as Record<string, string>;
  const changed =
    before === undefined || !existsSync(place(before))
      ? ["everything"]
      : [
          ...differences(place(before, "source"), place("next", "source")),
          ...Object.keys(images)
            .filter((image) => images[image] !== read(before).images[image])
            .map((image) => `image ${image}`),
        ];
  if (changed.length === 0) {
    rmSync(place("next"), { recursive: true });
    return;
  }
  const release: Release = {
    number: latest + 1,
    time: new Date().toISOString(),
    user: userInfo().username,
    commit: inGit()
      ? run("git", "rev-parse", "--short", "HEAD") + (run("git", "status", "--porcelain") ? "+" : "")
      : "",
    images,
    changed,
  };
  writeFileSync(place("next", "release.json"), `${JSON.stringify(release, null, 2)}\n`);
  for (const [image, id] of Object.entries(images)) run("docker", "tag", id, tag(plan, image, release.number));
  renameSync(place("next"), place(release.number));
  setCurrent(release.number);
  drop(plan, new Set([release.number, ...numbers().slice(0, KEEP)]));
}

/** Forgets all but these releases, with the images that nothing else holds; then what failed builds left. */
function drop(plan: Plan, kept: ReadonlySet<number>): void {
  for (const release of numbers()) if (!kept.has(release)) rmSync(place(release), { recursive: true, force: true });
  for (const image of Object.keys(plan.images)) {
    for (const release of lines("docker", "image", "ls", "--format", "{{.Tag}}", tag(plan, image, "*")))
      if (!kept.has(Number(release))) works("docker", "image", "rm", tag(plan, image, Number(release)));
    if (plan.registry) dropPushed(plan, plan.registry, image);
    works("docker", "image", "prune", "--force", "--filter", `label=org.opencontainers.image.title=berth ${image}`);
  }
  const { stdout: help } = spawnSync("docker", ["builder", "prune", "--help"], { encoding: "utf8" });
  const cache = keeping(help ?? "", process.env["BERTH_BUILD_CACHE"] ?? "4GB");
  if (cache) works("docker", "builder", "prune", "--force", ...cache);
}

/** The names hold the time: `<stack>-<time>.history.json`, `<stack>.<time>.json`. */
function dropStates(): void {
  const folder = stateFolder();
  for (const kind of folder === undefined ? [] : ["history", "backups"]) {
    const states = join(folder!, kind, "berth", stack);
    const files = existsSync(states) ? readdirSync(states) : [];
    const timeOf = (file: string): string => /\d{19}/.exec(file)?.[0] ?? "";
    const kept = new Set([...new Set(files.map(timeOf))].sort().slice(-KEEP_STATES));
    for (const file of files) if (!kept.has(timeOf(file))) rmSync(join(states, file));
  }
}

/**
 * A push leaves a tag here for each commit; the registry keeps its own. With its last tag a digest goes too:
 * what a release of any stack holds, stays.
 */
function dropPushed({ system }: Plan, registry: string, image: string): void {
  const [name, found] = [
    repository(registry, system, image),
    (format: string, of: string) => lines("docker", "image", "ls", "--no-trunc", "--format", format, of),
  ];
  const held = new Set(found("{{.ID}}", `berth-release/${system}/*/${image}`));
  for (const [pushed, id] of found("{{.Tag}} {{.ID}}", name).map((line) => line.split(" ") as [string, string]))
    if (pushed !== "<none>" && !held.has(id)) works("docker", "image", "rm", `${name}:${pushed}`);
}

const hashes = (root: string): Map<string, string> =>
  new Map(
    readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .map((file) => [file.slice(root.length + 1), createHash("sha256").update(readFileSync(file)).digest("hex")]),
  );

/** Files that differ, the stack file's keys one by one. */
function differences(one: string, other: string): string[] {
  const [a, b] = [hashes(one), hashes(other)];
  const files = [...new Set([...a.keys(), ...b.keys()])].filter((file) => a.get(file) !== b.get(file)).sort();
  return files.flatMap((file) => (file === stackFile ? changedKeys(join(one, file), join(other, file)) : [file]));
}

function changedKeys(one: string, other: string): string[] {
  const [a, b] = [one, other].map(
    (file) => (parse(readFileSync(file, "utf8")) as { config?: Record<string, unknown> }).config ?? {},
  ) as [Record<string, unknown>, Record<string, unknown>];
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])]
    .filter((key) => JSON.stringify(a[key]) !== JSON.stringify(b[key]))
    .sort();
  return keys.length ? keys : [stackFile];
}

function list(): void {
  const now = current();
  if (numbers().length === 0) console.log(`No release of stack ${stack} is kept here: bin/up ${stack} makes one.`);
  for (const { number, time, user, commit, images, changed } of numbers().map(read)) {
    console.log(
      `${number === now ? "*" : " "} ${number}  ${time.slice(0, 19).replace("T", " ")} UTC  ${user}  ${commit || "no commit"}`,
    );
    console.log(
      `     images   ${Object.entries(images)
        .map(([name, id]) => `${name} ${id.replace(/.*sha256:/, "").slice(0, 12)}`)
        .join(", ")}`,
    );
    console.log(
      `     changed  ${changed.slice(0, 6).join(", ")}${changed.length > 6 ? ` and ${changed.length - 6} more` : ""}`,
    );
  }
}

/** Checks that a release can come back, and writes the stack file that runs its images; prints its number. */
function prepare(): void {
  const now = current() ?? Infinity;
  const number = wanted === undefined ? numbers().find((release) => release < now) : Number(wanted);
  const known = `Kept: ${numbers().join(", ") || "none"} (bin/releases ${stack})`;
  if (number === undefined) throw new Refusal(`there is no release of stack ${stack} before the current one. ${known}`);
  if (!numbers().includes(number)) throw new Refusal(`release ${wanted} of stack ${stack} is not kept. ${known}`);
  const { images } = read(number);
  const gone = Object.entries(images).filter(([, id]) => !works("docker", "image", "inspect", id));
  if (gone.length)
    throw new Refusal(
      `release ${number} cannot come back: its image ${gone.map(([name, id]) => `${name} (${id})`).join(", ")} is no longer on the engine. ${known}`,
    );
  const pulled = planOf(stack, undefined, place(number, "source")).services.flatMap(({ image }) =>
    "pull" in image ? [image.pull] : [],
  );
  for (const image of new Set(pulled))
    if (!works("docker", "image", "inspect", image) && !works("docker", "pull", image))
      throw new Refusal(
        `release ${number} cannot come back: its image ${image} is neither on the engine nor to be had. ${known}`,
      );
  const { file, replaced, lost } = fileOf(number);
  writeFileSync(
    place(number, "existing.yaml"),
    stringify({ ...file, config: { ...file.config, "berth:images": images } }),
  );
  if (replaced.length || lost.length)
    console.error(
      `release ${number} is of before pulumi stack change-secrets-provider: its secrets cannot be read.${replaced.length ? ` Today's take their place: ${replaced.join(", ")}.` : ""}${lost.length ? ` Not set today, and so not then: ${lost.join(", ")}.` : ""}`,
    );
  console.log(number);
}

const fileOf = (release: number): Readable => readable(stackFileIn(place(release, "source")), stackFileIn("."));
const stackFileIn = (where: string): StackFile => parse(readFileSync(join(where, stackFile), "utf8")) as StackFile;

/** After a rollback: the stack file is the release's, and what else differs from the checkout is said. */
function restored(): void {
  const number = Number(wanted);
  setCurrent(number);
  const former = join(folder, `before-rollback-${stackFile}`);
  take();
  const changed = differences(place(number, "source"), place("next", "source"));
  const { file, replaced, lost } = fileOf(number);
  cpSync(stackFile, former);
  if (replaced.length || lost.length) writeFileSync(stackFile, stringify(file));
  else cpSync(place(number, "source", stackFile), stackFile);
  const files = changed.filter((name) => !name.includes(":") && name !== stackFile);
  console.log(
    `Stack ${stack} runs release ${number} of ${read(number).time}. ${stackFile} is that release's again (the former: ${former}).`,
  );
  if (files.length)
    console.log(
      `The next bin/up ${stack} would apply this checkout's source again. It differs in:\n  ${files.join("\n  ")}`,
    );
  rmSync(place("next"), { recursive: true });
}

/** When the data goes, so do the releases. */
function forget(): void {
  const plan = planOf(stack);
  for (const image of Object.keys(plan.images)) works("docker", "image", "rm", imageName(plan.system, stack, image));
  drop(plan, new Set());
  rmSync(folder, { recursive: true, force: true });
}

const tasks: Record<string, () => void> = { take, keep, list, prepare, restored, forget };
try {
  if (existsSync(stackFile)) useEngineOf(stack);
  tasks[task]!();
} catch (error) {
  console.error(`error: ${(error as Error).message}`);
  if (!(error instanceof Refusal)) console.error((error as Error).stack);
  process.exitCode = 1;
}
