/** What an image is, held against its contract (bench/contracts.ts). */
import { posix } from "node:path";
import type { Contract } from "../../bench/contracts.ts";
import type { Entry } from "../../scan/export.ts";

/** What the engine says of an image (`docker image inspect`). */
export interface Config {
  readonly User: string;
  readonly Env: readonly string[] | null;
  readonly Entrypoint: readonly string[] | null;
  readonly Cmd: readonly string[] | null;
  readonly WorkingDir: string;
  readonly ExposedPorts?: Readonly<Record<string, object>> | null;
  readonly Volumes?: Readonly<Record<string, object>> | null;
  readonly StopSignal?: string;
}

export interface Found {
  readonly config: Config;
  readonly entries: readonly Entry[];
  /** /etc/passwd and /etc/group. @default no such file */
  readonly passwd?: string;
  readonly group?: string;
}

/** Programs that an image may have at /bin/sh. */
const SHELLS = ["busybox", "dash", "bash"] as const;
const LOADERS = { glibc: /(^|\/)ld-linux[^/]*\.so\.\d+$/, musl: /(^|\/)ld-musl-[^/]*\.so\.\d+$/ };
const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The files of an image, by their paths without a leading slash. */
class Files {
  readonly #byPath: ReadonlyMap<string, Entry>;
  constructor(entries: readonly Entry[]) {
    this.#byPath = new Map(entries.map((entry) => [entry.path, entry]));
  }

  at = (path: string): Entry | undefined => this.#byPath.get(path.replace(/^\/+/, ""));

  /** Where a path leads, past every link; undefined, where that is nothing. */
  real(path: string, depth = 0): Entry | undefined {
    if (depth > 20) return undefined;
    let done = "";
    const parts = path.split("/").filter(Boolean);
    for (const [index, part] of parts.entries()) {
      const entry = this.at(`${done}/${part}`);
      if (entry?.kind !== "SymbolicLink") {
        done += `/${part}`;
        continue;
      }
      const to = posix.resolve(done || "/", entry.link!);
      return this.real(posix.join(to, ...parts.slice(index + 1)), depth + 1);
    }
    const entry = this.at(done);
    return entry?.kind === "Link" ? this.real(entry.link!, depth + 1) : entry;
  }

  /** Names of what is in a folder, with where links lead. */
  in(folder: string): string[] {
    const real = this.real(folder)?.path;
    return [...this.#byPath.values()]
      .filter(({ path }) => real !== undefined && posix.dirname(path) === real)
      .map(({ path, kind, link }) => `${posix.basename(path)}${kind === "SymbolicLink" ? ` -> ${link}` : ""}`)
      .sort();
  }

  some = (pattern: RegExp): boolean => [...this.#byPath.keys()].some((path) => pattern.test(path));
}

/** Id of a name in /etc/passwd or /etc/group. */
const idIn = (file: string | undefined, name: string, column = 2): number | undefined => {
  const id = file
    ?.split("\n")
    .map((line) => line.split(":"))
    .find(([first]) => first === name)?.[column];
  return id === undefined ? undefined : Number(id);
};

function userOf({ config: { User }, passwd, group }: Found): string {
  const [user = "", own] = (User || "0").split(":");
  const uid = /^\d+$/.test(user) ? Number(user) : idIn(passwd, user);
  const line = passwd?.split("\n").find((one) => one.split(":")[2] === String(uid));
  const gid = own === undefined ? Number(line?.split(":")[3] ?? 0) : /^\d+$/.test(own) ? Number(own) : idIn(group, own);
  return `${uid}:${gid}`;
}

const words = (list: readonly string[] | null | undefined): string => JSON.stringify(list ?? []);
const sorted = (list: readonly string[]): string => words([...list].sort());
const keys = (record: Readonly<Record<string, unknown>> | null | undefined): string =>
  sorted(Object.keys(record ?? {}));
const octal = (mode: number): string => (mode & 0o7777).toString(8).padStart(4, "0");

/**
 * What differs, by the name of the fact: `folders./data: 999:999 0755 is wanted, 0:0 0755 is there`. Of environment,
 * users, folders and programs it is what the contract says that counts; an image may have more.
 */
export function differences(contract: Contract, found: Found): ReadonlyMap<string, string> {
  const { config } = found;
  const files = new Files(found.entries);
  const all = new Map<string, string>();
  const hold = (fact: string, wanted: string, is: string) => {
    if (wanted !== is) all.set(fact, `${wanted} is wanted, ${is} is there`);
  };
  const environment = new Map((config.Env ?? []).map((one) => one.split(/=(.*)/s).slice(0, 2) as [string, string]));
  const shell = files.real("/bin/sh");
  const hasShell = shell && SHELLS.find((name) => posix.basename(shell.path).startsWith(name));
  const loader = (Object.keys(LOADERS) as (keyof typeof LOADERS)[]).find((libc) => files.some(LOADERS[libc]));
  const path = (environment.get("PATH") ?? DEFAULT_PATH).split(":");
  const places = (name: string) => (name.startsWith("/") ? [name] : path.map((place) => `${place}/${name}`));

  hold("user", (contract.user ?? [0, 0]).join(":"), userOf(found));
  hold("entrypoint", words(contract.entrypoint), words(config.Entrypoint));
  if (contract.command) hold("command", words(contract.command), words(config.Cmd));
  hold("workdir", contract.workdir ?? "/", config.WorkingDir || "/");
  hold("ports", sorted(contract.ports), keys(config.ExposedPorts));
  hold("volumes", sorted(contract.volumes), keys(config.Volumes));
  hold("stop", contract.stop, config.StopSignal || "SIGTERM");
  hold("shell", contract.shell ?? "none", hasShell ?? (shell ? posix.basename(shell.path) : "none"));
  hold("libc", contract.libc ?? "none", loader ?? "none");
  for (const [name, uid] of Object.entries(contract.users))
    hold(`users.${name}`, String(uid), String(idIn(found.passwd, name) ?? "nobody"));
  for (const [name, value] of Object.entries(contract.environment))
    hold(`environment.${name}`, value, environment.get(name) ?? "nothing");
  for (const [folder, { uid, gid, mode, holds }] of Object.entries(contract.folders)) {
    const is = files.real(folder);
    hold(`folders.${folder}`, `${uid}:${gid} ${mode}`, is ? `${is.uid}:${is.gid} ${octal(is.mode)}` : "nothing");
    if (is) hold(`holds.${folder}`, sorted(holds), sorted(files.in(folder)));
  }
  for (const name of Object.values(contract.programs).flat()) {
    const is = places(name).map((place) => files.real(place));
    if (!is.some((entry) => entry?.kind === "File" && entry.mode & 0o111))
      hold(`programs.${name}`, "a program", is.some(Boolean) ? "a file that nobody may run" : "nothing");
  }
  // Where berth mounts what it gives a container.
  hold("holds./etc/berth", sorted([]), sorted(files.in("/etc/berth")));
  return all;
}
