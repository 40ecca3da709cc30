/** Faults, put upon running containers from the engine's machine and taken away again. Root and iptables are needed. */
import { randomUUID } from "node:crypto";
import { execFileSync, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { family } from "./kill.ts";
import { docker } from "./command.ts";

const run = (file: string, ...args: string[]): string => execFileSync(file, args, { encoding: "utf8" }).trim();

/** Process id, on this machine, of what a container began with. @throws {Error} where it does not run */
async function first(container: string): Promise<number> {
  const pid = Number(await docker("inspect", "--format", "{{.State.Pid}}", container));
  // A signal to 0 goes to this process and its own family.
  if (pid === 0) throw new Error(`${container} does not run`);
  return pid;
}

/** Kills (SIGKILL) those processes of a container whose title matches. @returns how many they were. */
export async function kill(container: string, title: RegExp): Promise<number> {
  const found = family(await first(container)).filter((pid) => {
    try {
      return title.test(readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " "));
    } catch {
      return false;
    }
  });
  for (const pid of found)
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      /* went with its parent */
    }
  return found.length;
}

/**
 * Kills what runs the jobs of a worker. Before it come the init, the main process
 * and what that forks first, its companion.
 */
export async function killJobs(container: string): Promise<number> {
  const jobs = family(await first(container))
    .sort((a, b) => a - b)
    .slice(3);
  for (const pid of jobs) process.kill(pid, "SIGKILL");
  return jobs.length;
}

/** Kills everything in a container at once, without the engine's knowledge. */
export const killAll = async (container: string): Promise<void> => {
  process.kill(await first(container), "SIGKILL");
};

/** The end of a busy process that nobody ends: milliseconds. */
const LONGEST = 3_600_000;

/** While something is done, as many processes as there are cores do nothing but take processor time, like any other. */
export async function busily<T>(work: () => Promise<T>, cores = availableParallelism()): Promise<T> {
  const busy = Array.from({ length: cores }, () =>
    spawn(process.execPath, ["-e", `for (const end = Date.now() + ${LONGEST}; Date.now() < end; );`], {
      stdio: "ignore",
    }),
  );
  try {
    return await work();
  } finally {
    for (const one of busy) one.kill("SIGKILL");
  }
}

/** Stops (SIGSTOP) everything in a container but its init: it is there, and does nothing. */
export async function hang(container: string): Promise<void> {
  const [, ...rest] = family(await first(container));
  for (const pid of rest) process.kill(pid, "SIGSTOP");
}

/** Lets a share of the packets that reach a container from others go lost. @returns what ends it. */
export async function loss(container: string, share: number): Promise<() => void> {
  const pid = String(await first(container));
  const rule = (how: string) =>
    run(
      "nsenter",
      "-t",
      pid,
      "-n",
      "iptables",
      how,
      "INPUT",
      "!",
      "-i",
      "lo",
      "-m",
      "statistic",
      "--mode",
      "random",
      "--probability",
      String(share),
      "-j",
      "DROP",
    );
  rule("-A");
  return () => {
    if (existsSync(`/proc/${pid}`)) rule("-D");
  };
}

/** A small disk of its own, in a file, so that it can be full, or slow, and nobody else's. */
export class Disk {
  readonly #home = join(tmpdir(), `berth-disk-${randomUUID().slice(0, 8)}`);
  readonly path = join(this.#home, "disk");
  readonly #filler = join(this.path, "filler");

  /** Nothing is mounted before. */
  mount(mebibytes: number): void {
    const file = join(this.#home, "file");
    run("mkdir", "-p", this.path);
    run("truncate", "-s", `${mebibytes}M`, file);
    run("mkfs.ext4", "-q", "-m", "0", file);
    run("mount", "-o", "loop", file, this.path);
  }
  /** A folder on it. */
  folder(name: string, uid: number): string {
    const path = join(this.path, name);
    run("install", "-d", "-o", String(uid), "-g", "0", "-m", "0700", path);
    return path;
  }
  /** Removes what is in a folder of it. @returns the names that were there */
  empty(name: string): string[] {
    const found = readdirSync(join(this.path, name));
    for (const one of found) rmSync(join(this.path, name, one), { recursive: true });
    return found;
  }
  /** Takes every block that is free. */
  fill(): void {
    const [blocks, size] = run("stat", "-f", "-c", "%a %S", this.path).split(" ").map(Number) as [number, number];
    // Most of it quickly, without what the file system needs to describe that file; then the rest, to the refusal.
    run(
      "sh",
      "-c",
      `fallocate -l ${(blocks - 64) * size} ${this.#filler}; cat /dev/zero >> ${this.#filler} 2> /dev/null; true`,
    );
  }
  free(): void {
    rmSync(this.#filler, { force: true });
  }

  /** Allows a container so many writes a second. @returns what ends it. */
  async slow(container: string, writes: number): Promise<() => void> {
    const groups = readFileSync(`/proc/${await first(container)}/cgroup`, "utf8");
    const [, blkio] = /^\d+:blkio:(.+)$/m.exec(groups) ?? [];
    const [, unified] = /^0::(.+)$/m.exec(groups) ?? [];
    if (blkio === undefined && unified === undefined)
      throw new Error("neither cgroup v1 nor v2: a disk cannot be slowed down here");
    const [file, some, all] =
      blkio !== undefined
        ? [join("/sys/fs/cgroup/blkio", blkio, "blkio.throttle.write_iops_device"), String(writes), "0"]
        : [join("/sys/fs/cgroup", unified!, "io.max"), `wiops=${writes}`, "wiops=max"];
    const device = run("findmnt", "-no", "MAJ:MIN", this.path);
    writeFileSync(file, `${device} ${some}`);
    return () => {
      if (existsSync(file)) writeFileSync(file, `${device} ${all}`);
    };
  }
  remove(): void {
    run("umount", this.path);
    rmSync(this.#home, { recursive: true });
  }
}
