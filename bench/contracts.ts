/** What images of Docker Hub are like, as far as berth counts on it: bench/hub/<folder>/contract*.yaml. */
import { globSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";

const HUB = join(import.meta.dirname, "hub");

const owner = z.strictObject({
  uid: z.number(),
  gid: z.number(),
  /** As chmod takes it. */
  mode: z.string().regex(/^[0-7]{4}$/),
});
/** Everything that is in it, by name. A link says where it leads: `consoles -> /usr/share/prometheus/consoles`. */
const folder = owner.extend({ holds: z.array(z.string()).default([]) });

const facts = z.strictObject({
  /** Uid and gid that it runs as. */
  user: z.tuple([z.number(), z.number()]).optional(),
  /** Other users that are counted on, by name. */
  users: z.record(z.string(), z.number()).default({}),
  entrypoint: z.array(z.string()).optional(),
  command: z.array(z.string()).optional(),
  workdir: z.string().optional(),
  /** Those that are counted on; PATH is known by where programs are. */
  environment: z.record(z.string(), z.string()).default({}),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  stop: z.string().default("SIGTERM"),
  folders: z.record(z.string(), folder).default({}),
  /** What /bin/sh is. */
  shell: z.enum(["none", "busybox", "dash", "bash"]).optional(),
  /** Whose loader programs find. */
  libc: z.enum(["none", "glibc", "musl"]).optional(),
  /** That it has on its PATH, or at this place, by what brings them. */
  programs: z.record(z.string(), z.array(z.string())).default({}),
});
type Facts = z.output<typeof facts>;
export type FactName = keyof Facts;

const file = z.strictObject({
  /** With its tag, as a catalogue names it. */
  image: z.string(),
  /** Image whose contract holds here too, but for what is said here. */
  from: z.string().optional(),
  ...facts.shape,
  /** Public text → what is known by it. */
  sources: z.record(z.url(), z.array(z.enum(Object.keys(facts.shape) as [FactName, ...FactName[]]))),
  /** Evidence that the tag exists: its digest, or a public list of tags. */
  seen: z.string(),
  /** What nobody could look at. @default nothing */
  unseen: z.string().optional(),
  /** Where the image that the bench builds is another, with the reason. @default nowhere */
  bench: z.record(z.string(), z.string()).default({}),
});

/** An image has these of what it is built on, too; all else it has as its own file says. */
const JOINED: readonly FactName[] = ["users", "environment", "programs"];

/** One image, with what it has of the images that it is built on. */
export interface Contract extends Facts {
  readonly image: string;
  /** Its folder in bench/hub. */
  readonly folder: string;
  /** Its file there, without the ending. */
  readonly name: string;
  readonly bench: Readonly<Record<string, string>>;
  readonly sources: Readonly<Record<string, readonly FactName[]>>;
  /** What its own file says, rather than those of the images it is built on. */
  readonly said: readonly FactName[];
  /** Whether it is what the folder's image stands for; a folder may have contracts of other versions besides. */
  readonly main: boolean;
}

/** @throws {Error} where a file is none, or an image it is built on has no contract. */
export function contracts(): readonly Contract[] {
  const read = globSync("*/contract*.yaml", { cwd: HUB })
    .sort()
    .map((path) => {
      const given = parse(readFileSync(join(HUB, path), "utf8")) as Readonly<Record<string, unknown>>;
      const { success, data, error } = file.safeParse(given);
      if (!success) throw new Error(`bench/hub/${path}: ${z.prettifyError(error)}`);
      const said = (Object.keys(facts.shape) as FactName[]).filter((name) => name in given);
      const name = basename(path, ".yaml");
      return { ...data, folder: basename(dirname(path)), name, main: name === "contract", said };
    });
  const named = new Map(read.map((one) => [one.image, one]));
  const whole = (image: string): Facts => {
    const own = named.get(image);
    if (own === undefined) throw new Error(`bench/hub: no contract is that of ${image}`);
    const base = own.from === undefined ? undefined : whole(own.from);
    const joined = Object.fromEntries(
      (Object.keys(facts.shape) as FactName[]).map((name) => {
        const [here, there] = [own[name], base?.[name]];
        if (JOINED.includes(name)) return [name, { ...(there as object), ...(here as object) }];
        return [name, own.said.includes(name) ? here : (there ?? here)];
      }),
    );
    return joined as unknown as Facts;
  };
  return read.map(({ image, folder: of, name, main, said, bench, sources }) => ({
    ...whole(image),
    ...{ image, folder: of, name, main, said, bench, sources },
  }));
}

/** Name without tag and digest. */
export const repositoryOf = (reference: string): string => reference.split("@", 1)[0]!.replace(/:[^:/]+$/, "");

/** All that it has on its PATH, or at a place. */
export const programsOf = ({ programs }: Pick<Contract, "programs">): ReadonlySet<string> =>
  new Set(Object.values(programs).flat());

/** A row of bench/hub/images.txt: what the bench builds. */
export interface Built {
  readonly image: string;
  readonly folder: string;
  readonly suite: string;
  /** Names of the contracts whose images it runs in the place of. */
  readonly contracts: readonly string[];
}

export const built = (): readonly Built[] =>
  readFileSync(join(HUB, "images.txt"), "utf8")
    .split("\n")
    .map((line) => line.replace(/#.*/, "").trim().split(/\s+/))
    .filter(([image]) => image)
    .map(([image, of, suite, , ...named]) => ({
      image: image!,
      folder: of!,
      suite: suite!,
      contracts: named.length ? named : ["contract"],
    }));
