/**
 * What was released, so that bin/rollback can bring it back: node bin/release.ts <command> <stack> [number]
 * .state/releases/<stack>/<number>/ holds `source` (the checkout as it was applied, stack file included) and
 * release.json. The images stay on the engine, each under a tag of its release, so that nothing prunes them.
 */
import { execFileSync, spawnSync } from "node:child_process";
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
import { stringify } from "yaml";
import { stackFile, stateFolder, versionsIn } from "../config/checkout.ts";
import { type Docker, lines, works } from "../config/docker-client.ts";
import { keptHere } from "../config/here.ts";
import { formatProblems, ProblemsError, Refusal } from "../config/problems.ts";
import { systemOf } from "../config/shape.ts";
import { imageName, repository } from "../plan/names.ts";
import type { Plan } from "../plan/types.ts";
import { systems } from "../systems/index.ts";
import { keeping } from "./build-cache.ts";
import { leaving } from "./leaving.ts";
import { runningImages, stateOf } from "./pulumi.ts";
import { type Readable, readable } from "./release-file.ts";
import { differences } from "./source.ts";
import { builtImages, dockerOf, main, planOf } from "./stack.ts";

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

const releasesKept = (): number => keptHere("BERTH_KEEP_RELEASES", 5);
/**
 * Former states that a backend of files keeps of a stack, whole, for `pulumi
 * stack history`; the CLI itself forgets none.
 */
const statesKept = (): number => keptHere("BERTH_KEEP_STATES", 50);

const run = (file: string, ...args: string[]): string =>
  execFileSync(file, args, { encoding: "utf8", maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "ignore"] }).trim();
const inGit = () => spawnSync("git", ["rev-parse", "--is-inside-work-tree"], { stdio: "ignore" }).status === 0;
/** Bytes: such as a dump that somebody left in the checkout. */
const TOO_LARGE = 64 * 1024 ** 2;
/** Where git knows nothing of the checkout, or is not there: everything but packages, states and a history. */
const EVERY_FILE = [
  ...[".", "(", "-name", "node_modules", "-o", "-name", ".state", "-o", "-name", ".git", ")"],
  ...["-prune", "-o", "!", "-type", "d", "-printf", "%P\\0"],
];

const tag = (plan: Plan, image: string, release: number | "*") =>
  `berth-release/${plan.system}/${plan.stack}/${image}${release === "*" ? "" : `:${release}`}`;

/** The releases of one stack, in the checkout that this process runs in. */
export class Releases {
  readonly #stack: string;
  readonly #folder: string;
  readonly #stackFile: string;

  constructor(stack: string) {
    this.#stack = stack;
    this.#folder = join(".state/releases", stack);
    this.#stackFile = `Pulumi.${stack}.yaml`;
  }

  get #docker(): Docker {
    return dockerOf(this.#stack);
  }
  #place(release: number | "next", ...more: string[]): string {
    return join(this.#folder, String(release), ...more);
  }
  /** The newest first. */
  get #numbers(): number[] {
    return (existsSync(this.#folder) ? readdirSync(this.#folder) : [])
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .sort((a, b) => b - a);
  }
  #read(release: number): Release {
    return JSON.parse(readFileSync(this.#place(release, "release.json"), "utf8")) as Release;
  }
  get #current(): number | undefined {
    const file = join(this.#folder, "current");
    return existsSync(file) ? Number(readFileSync(file, "utf8")) : undefined;
  }
  #setCurrent(release: number): void {
    writeFileSync(join(this.#folder, "current"), `${release}\n`);
  }

  /** Files that git would keep, but for what is too large to be a source; other stacks' files decide nothing here. */
  #sources(): string[] {
    const [file, ...args] = inGit()
      ? (["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"] as const)
      : (["find", ...EVERY_FILE] as const);
    const isSource = (name: string): boolean => {
      const found = statSync(name, { throwIfNoEntry: false });
      return found !== undefined && found.isFile() && found.size < TOO_LARGE;
    };
    return run(file, ...args)
      .split("\0")
      .filter((name) => name && isSource(name) && (name === this.#stackFile || !/^Pulumi\.[^/]+\.yaml$/.test(name)));
  }

  /**
   * Before an up: what is applied is what is kept, whoever edits meanwhile. What the current release has is not copied
   * again.
   */
  take(): void {
    [releasesKept, statesKept].forEach((kept) => kept());
    rmSync(this.#place("next"), { recursive: true, force: true });
    const files = [...this.#sources(), this.#stackFile];
    const taken = this.#taken;
    if (taken !== undefined && differences(taken, ".", this.#stackFile, files).length === 0) return;
    for (const file of files) {
      mkdirSync(dirname(this.#place("next", "source", file)), { recursive: true });
      cpSync(file, this.#place("next", "source", file), { verbatimSymlinks: true });
    }
  }

  /** The folder of what was taken; undefined where nothing was. */
  get #taken(): string | undefined {
    const current = this.#current;
    const places = current === undefined ? (["next"] as const) : (["next", current] as const);
    return places.map((release) => this.#place(release, "source")).find((folder) => existsSync(folder));
  }

  /** After an up that succeeded. One that changed nothing is no release. */
  async keep(): Promise<void> {
    this.#dropStates();
    const before = this.#current;
    const [latest = 0] = this.#numbers;
    const taken = this.#taken!;
    const plan = planOf(this.#stack, undefined, taken);
    const images = builtImages(plan, await runningImages(this.#stack)) as Record<string, string>;
    const changed =
      before === undefined || !existsSync(this.#place(before))
        ? ["everything"]
        : [
            ...differences(this.#place(before, "source"), taken, this.#stackFile),
            ...Object.keys(images)
              .filter((image) => images[image] !== this.#read(before).images[image])
              .map((image) => `image ${image}`),
          ];
    if (changed.length === 0) {
      rmSync(this.#place("next"), { recursive: true, force: true });
      return;
    }
    const source = this.#place("next", "source");
    if (taken !== source) cpSync(taken, source, { recursive: true, verbatimSymlinks: true });
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
    writeFileSync(this.#place("next", "release.json"), `${JSON.stringify(release, null, 2)}\n`);
    for (const [image, id] of Object.entries(images)) await this.#docker("tag", id, tag(plan, image, release.number));
    renameSync(this.#place("next"), this.#place(release.number));
    this.#setCurrent(release.number);
    await this.#drop(plan, new Set([release.number, ...this.#numbers.slice(0, releasesKept())]));
  }

  /** Forgets all but these releases, with the images that nothing else holds; then what failed builds left. */
  async #drop(plan: Plan, kept: ReadonlySet<number>): Promise<void> {
    const docker = this.#docker;
    for (const release of this.#numbers)
      if (!kept.has(release)) rmSync(this.#place(release), { recursive: true, force: true });
    for (const image of Object.keys(plan.images)) {
      for (const release of await lines(docker("image", "ls", "--format", "{{.Tag}}", tag(plan, image, "*"))))
        if (!kept.has(Number(release))) await works(docker("image", "rm", tag(plan, image, Number(release))));
      if (plan.registry) await this.#dropPushed(plan, plan.registry, image);
      const label = `label=org.opencontainers.image.title=berth ${image}`;
      await works(docker("image", "prune", "--force", "--filter", label));
    }
    const { stdout: help } = await docker("builder", "prune", "--help");
    const cache = keeping(help, process.env["BERTH_BUILD_CACHE"] ?? "4GB");
    if (cache) await works(docker("builder", "prune", "--force", ...cache));
  }

  /** The names hold the time: `<stack>-<time>.history.json`, `<stack>.<time>.json`. */
  #dropStates(): void {
    const folder = stateFolder();
    for (const kind of folder === undefined ? [] : ["history", "backups"]) {
      const states = join(folder!, kind, "berth", this.#stack);
      const files = existsSync(states) ? readdirSync(states) : [];
      const timeOf = (file: string): string => /\d{19}/.exec(file)?.[0] ?? "";
      const kept = new Set([...new Set(files.map(timeOf))].sort().slice(-statesKept()));
      for (const file of files) if (!kept.has(timeOf(file))) rmSync(join(states, file));
    }
  }

  /**
   * A push leaves a tag here for each commit; the registry keeps its own. With its last tag a digest goes too:
   * what a release of any stack holds, stays.
   */
  async #dropPushed({ system }: Plan, registry: string, image: string): Promise<void> {
    const [name, docker] = [repository(registry, system, image), this.#docker];
    const found = (format: string, of: string) => lines(docker("image", "ls", "--no-trunc", "--format", format, of));
    const held = new Set(await found("{{.ID}}", `berth-release/${system}/*/${image}`));
    for (const line of await found("{{.Tag}} {{.ID}}", name)) {
      const [pushed, id] = line.split(" ") as [string, string];
      if (pushed !== "<none>" && !held.has(id)) await works(docker("image", "rm", `${name}:${pushed}`));
    }
  }

  /**
   * Releases that cannot come back, as after docker system prune, with the images that the engine has not. One that
   * does not answer has lost nothing.
   */
  async #gone(): Promise<Map<number, string[]>> {
    const docker = this.#docker;
    const gone = new Map<number, string[]>();
    for (const number of (await works(docker("version"))) ? this.#numbers : []) {
      const images = Object.entries(this.#read(number).images);
      const there = await Promise.all(images.map(([, id]) => works(docker("image", "inspect", id))));
      if (there.includes(false))
        gone.set(
          number,
          images.filter((_, n) => !there[n]).map(([image]) => image),
        );
    }
    return gone;
  }

  /** Names them while nobody needs them. */
  async lost(): Promise<void> {
    for (const [number, images] of await this.#gone())
      console.log(
        `release ${number} of stack ${this.#stack} cannot come back: the engine has no longer its image ${images.join(", ")}`,
      );
  }

  async list(): Promise<void> {
    const gone = await this.#gone();
    const now = this.#current;
    if (this.#numbers.length === 0)
      console.log(`No release of stack ${this.#stack} is kept here: bin/up ${this.#stack} makes one.`);
    for (const { number, time, user, commit, images, changed } of this.#numbers.map((number) => this.#read(number))) {
      console.log(
        `${number === now ? "*" : " "} ${number}  ${time.slice(0, 19).replace("T", " ")} UTC  ${user}  ${commit || "no commit"}`,
      );
      console.log(
        `     images   ${Object.entries(images)
          .map(([name, id]) => `${name} ${id.replace(/.*sha256:/, "").slice(0, 12)}`)
          .join(", ")}`,
      );
      if (gone.has(number)) console.log(`     lost     ${gone.get(number)!.join(", ")}: it cannot come back`);
      console.log(
        `     changed  ${changed.slice(0, 6).join(", ")}${changed.length > 6 ? ` and ${changed.length - 6} more` : ""}`,
      );
    }
  }

  /**
   * Checks that a release can come back, and writes the stack file that runs its images; prints its number.
   * @param wanted Its number. @default the one before the current
   */
  async prepare(wanted?: string): Promise<void> {
    const now = this.#current ?? Infinity;
    const number = wanted === undefined ? this.#numbers.find((release) => release < now) : Number(wanted);
    const known = `Kept: ${this.#numbers.join(", ") || "none"} (bin/releases ${this.#stack})`;
    if (number === undefined)
      throw new Refusal(`there is no release of stack ${this.#stack} before the current one. ${known}`);
    if (!this.#numbers.includes(number))
      throw new Refusal(`release ${wanted} of stack ${this.#stack} is not kept. ${known}`);
    const { images } = this.#read(number);
    const docker = this.#docker;
    const isThere = (image: string): Promise<boolean> => works(docker("image", "inspect", image));
    const there = await Promise.all(Object.values(images).map(isThere));
    const gone = Object.entries(images).filter((_, n) => !there[n]);
    if (gone.length)
      throw new Refusal(
        `release ${number} cannot come back: its image ${gone.map(([name, id]) => `${name} (${id})`).join(", ")} is no longer on the engine. ${known}`,
      );
    const { file, replaced, lost, kept: today } = this.#fileOf(number);
    const plan = this.#planned(number);
    const pulled = (plan?.services ?? []).flatMap(({ image }) => ("pull" in image ? [image.pull] : []));
    for (const image of new Set(pulled))
      if (!(await isThere(image)) && !(await works(docker("pull", image))))
        throw new Refusal(
          `release ${number} cannot come back: its image ${image} is neither on the engine nor to be had. ${known}`,
        );
    const left = plan ? leaving(plan, versionsIn(file), await stateOf(this.#stack)) : [];
    if (left.length)
      throw new Refusal(formatProblems(this.#stack, left, `release ${number} cannot come back. Nothing was touched.`));
    writeFileSync(
      this.#place(number, "existing.yaml"),
      stringify({ ...file, config: { ...file.config, "berth:images": images } }),
    );
    if (replaced.length || lost.length)
      console.error(
        `release ${number} is of before pulumi stack change-secrets-provider: its secrets cannot be read.${replaced.length ? ` Today's take their place: ${replaced.join(", ")}.` : ""}${lost.length ? ` Not set today, and so not then: ${lost.join(", ")}.` : ""}`,
      );
    if (today.length) console.error(`what opens data stays as it is today: ${today.join(", ")}`);
    console.log(number);
  }

  /** As this program reads it; undefined where it refuses a key of then: the release's own program does not. */
  #planned(release: number): Plan | undefined {
    try {
      return planOf(this.#stack, undefined, this.#place(release, "source"));
    } catch (error) {
      if (error instanceof ProblemsError) return undefined;
      throw error;
    }
  }

  /** After a rollback: the stack file is the release's, and what else differs from the checkout is said. */
  restored(number: number): void {
    this.#setCurrent(number);
    const former = join(this.#folder, `before-rollback-${this.#stackFile}`);
    this.take();
    const changed = differences(this.#place(number, "source"), this.#taken!, this.#stackFile);
    const { file, replaced, lost, kept: today } = this.#fileOf(number);
    cpSync(this.#stackFile, former);
    if (replaced.length || lost.length || today.length) writeFileSync(this.#stackFile, stringify(file));
    else cpSync(this.#place(number, "source", this.#stackFile), this.#stackFile);
    const files = changed.filter((name) => !name.includes(":") && name !== this.#stackFile);
    console.log(
      `Stack ${this.#stack} runs release ${number} of ${this.#read(number).time}. ${this.#stackFile} is that release's again (the former: ${former}).`,
    );
    if (files.length)
      console.log(
        `The next bin/up ${this.#stack} would apply this checkout's source again. It differs in:\n  ${files.join("\n  ")}`,
      );
    rmSync(this.#place("next"), { recursive: true, force: true });
  }

  /** When the data goes, so do the releases. */
  async forget(): Promise<void> {
    const plan = planOf(this.#stack);
    for (const image of Object.keys(plan.images))
      await works(this.#docker("image", "rm", imageName(plan.system, this.#stack, image)));
    await this.#drop(plan, new Set());
    rmSync(this.#folder, { recursive: true, force: true });
  }
  /** What of a release can be read today. */
  #fileOf(release: number): Readable {
    const then = stackFile(this.#stack, this.#place(release, "source"));
    const { shape } = systemOf(systems, then.config?.["berth:system"] as string | undefined, this.#stack);
    return readable(then, stackFile(this.#stack, "."), shape.secrets);
  }
}

if (process.argv[1] === import.meta.filename) {
  const [task = "list", stack = "dev", wanted] = process.argv.slice(2);
  const releases = new Releases(stack);
  const tasks: Record<string, () => void | Promise<void>> = {
    take: () => releases.take(),
    keep: () => releases.keep(),
    list: () => releases.list(),
    lost: () => releases.lost(),
    prepare: () => releases.prepare(wanted),
    restored: () => releases.restored(Number(wanted)),
    forget: () => releases.forget(),
  };
  await main(() => tasks[task]!());
}
