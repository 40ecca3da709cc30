/**
 * Makes a stack ready for the next run, whatever became of the one before; bin/lib.sh
 * calls it while it holds the stack's lock.
 *
 * 1. A lock of the backend whose process is gone is taken away; a living one is respected.
 *    The plugins that a dead one left at work are ended.
 * 2. What the engine holds and the state does not know (created, but the run was killed before it could say so) is
 *    removed. Never data.
 * 3. If a run was cut off, the state is read afresh from the engine: what was deleted and not recorded is missed, and
 *    made again.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { stateFolder } from "../config/checkout.ts";
import { useEngineOf } from "./stack.ts";

interface Lock {
  readonly pid: number;
  readonly username: string;
  readonly hostname: string;
  readonly timestamp: string;
}
interface Resource {
  readonly type: string;
  readonly id?: string;
}
interface Deployment {
  readonly resources?: readonly Resource[];
  readonly pending_operations?: readonly unknown[];
}
interface Labelled {
  readonly kind: "container" | "network" | "volume";
  readonly id: string;
  readonly name: string;
}

const stack = process.argv[2]!;
const say = (text: string) => process.stderr.write(`${text}\n`);
const die = (text: string): never => {
  say(`error: ${text}`);
  process.exit(1);
};
const run = (file: string, ...args: string[]): string =>
  execFileSync(file, args, { encoding: "utf8", maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "inherit"] });
const lines = (file: string, ...args: string[]): string[] =>
  run(file, ...args)
    .split("\n")
    .filter(Boolean);

/** A process id may have been given to another program since. */
const alive = (lock: Lock): boolean => {
  if (lock.hostname !== hostname()) return true;
  try {
    process.kill(lock.pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  return !existsSync("/proc/self/comm") || readFileSync(`/proc/${lock.pid}/comm`, "utf8").trim() === "pulumi";
};

/** Only a backend of files has locks to look at; the others end theirs themselves, or say what to do. */
function unlock(): boolean {
  const states = stateFolder();
  if (states === undefined) return false;
  const folder = join(states, "locks/organization/berth", stack);
  const locks = (existsSync(folder) ? readdirSync(folder) : [])
    .filter((file) => file.endsWith(".json"))
    .map((file) => JSON.parse(readFileSync(join(folder, file), "utf8")) as Lock);
  const living = locks.find(alive);
  if (living)
    die(
      `stack ${stack} is being changed by process ${living.pid} of ${living.username}@${living.hostname} since ${living.timestamp}: wait for it${living.hostname === hostname() ? "" : `, or if that machine is gone: pulumi cancel --stack ${stack} --yes`}`,
    );
  if (locks.length === 0) return false;
  say(`a run of ${locks[0]!.timestamp} did not end: taking its lock away`);
  run("pulumi", "cancel", "--stack", stack, "--yes");
  return true;
}

/**
 * The docker provider outlives a killed CLI and would go on creating. Ours: started
 * from this checkout, with no CLI above it.
 */
function endOrphans(): void {
  const root = process.cwd();
  for (const pid of (existsSync("/proc/self/comm") ? readdirSync("/proc") : []).filter((name) => /^\d+$/.test(name)))
    try {
      const cwd = readlinkSync(`/proc/${pid}/cwd`);
      if (
        !readFileSync(`/proc/${pid}/comm`, "utf8").startsWith("pulumi-resource") ||
        (cwd !== root && !cwd.startsWith(`${root}/.state/releases/`))
      )
        continue;
      const parent = /PPid:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]!;
      if (readFileSync(`/proc/${parent}/comm`, "utf8").trim() !== "pulumi") process.kill(Number(pid), "SIGKILL");
    } catch {
      /* it ended by itself, or is somebody else's */
    }
}

/** What carries the stack's label, but for data. */
function labelled(): Labelled[] {
  const label = ["--filter", `label=berth.stack=${stack}`];
  return (["container", "network", "volume"] as const).flatMap((kind) => {
    const [list, format] =
      kind === "container"
        ? [["ps", "-a", "--no-trunc"], "{{.ID}}\t{{.Names}}\t-"]
        : [
            [kind, "ls", ...(kind === "network" ? ["--no-trunc"] : [])],
            kind === "network" ? "{{.ID}}\t{{.Name}}\t-" : '{{.Name}}\t{{.Name}}\t{{.Label "berth.keep"}}',
          ];
    return lines("docker", ...list, ...label, "--format", format)
      .map((line) => line.split("\t") as [string, string, string])
      .filter(([, , keep]) => keep !== "data")
      .map(([id, name]) => ({ kind, id, name }));
  });
}

/** A database that is just making its files would leave them half made. */
function settle(id: string): void {
  const health = () => run("docker", "inspect", "--format", "{{with .State.Health}}{{.Status}}{{end}}", id).trim();
  for (let tries = 0; tries < 60 && health() === "starting"; tries += 1)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
  run("docker", "stop", id);
}

function remove({ kind, id, name }: Labelled): void {
  say(`removing ${kind} ${name}: an earlier run made it and did not record it`);
  if (kind !== "container") {
    spawnSync("docker", [kind, "rm", id], { stdio: ["ignore", "ignore", "inherit"] });
    return;
  }
  const data = lines("docker", "inspect", "--format", "{{range .Mounts}}{{println .Name}}{{end}}", id).some(
    (volume) =>
      volume &&
      spawnSync("docker", ["volume", "inspect", "--format", '{{index .Labels "berth.keep"}}', volume], {
        encoding: "utf8",
      }).stdout.trim() === "data",
  );
  if (data) settle(id);
  run("docker", "rm", "--force", "--volumes", id);
}

useEngineOf(stack);
const cutOff = unlock();
endOrphans();
const all = labelled();
const { deployment } = JSON.parse(run("pulumi", "stack", "export", "--stack", stack)) as { deployment: Deployment };
const pending = deployment.pending_operations?.length ?? 0;
const known = new Set((deployment.resources ?? []).map(({ id }) => id));
const strangers = all.filter(({ id }) => !known.has(id));
const containers = (of: readonly Labelled[]) => of.filter(({ kind }) => kind === "container").length;
// The databases have fixed names, so that a second checkout never gets far enough to look like the owner.
if (containers(strangers) > containers(all) / 2 && !pending)
  die(`${containers(all)} containers of stack ${stack} are on this engine, and this checkout's state does not know ${containers(strangers)} of them: another checkout made them.
Work there, or give this stack another name. If their state is lost, remove them (their data stays): docker rm -f $(docker ps -aq --filter label=berth.stack=${stack})`);
// A plain pulumi that began since then: what it made may be in the list and not in the state.
unlock();
strangers.forEach(remove);
if (cutOff || pending) {
  say("the last run was cut off: reading what the engine has");
  const { status } = spawnSync(
    "pulumi",
    [
      "refresh",
      "--stack",
      stack,
      "--yes",
      "--skip-preview",
      "--non-interactive",
      "--clear-pending-creates",
      "--suppress-outputs",
    ],
    { stdio: ["ignore", 2, 2] },
  );
  if (status !== 0) die("the engine could not be read; run this again");
}
