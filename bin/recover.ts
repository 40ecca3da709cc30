/**
 * Makes a stack ready for the next run, whatever became of the one before: node bin/recover.ts <stack>, while
 * somebody holds the stack's lock.
 *
 * 1. A lock of the backend whose process is gone is taken away; a living one is respected.
 *    The plugins that a dead one left at work are ended.
 * 2. What the engine holds and the state does not know (created, but the run was killed before it could say so) is
 *    removed. Never data.
 * 3. If a run was cut off, the state is read afresh from the engine: what was deleted and not recorded is missed, and
 *    made again.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { stateFolder } from "../config/checkout.ts";
import { type Docker, lines } from "../config/docker-client.ts";
import { Refusal } from "../config/problems.ts";
import { type Deployment, type Resource, VOLUME } from "./deployment.ts";
import { pulumi, stateOf } from "./pulumi.ts";
import { dockerOf, engineOf, main } from "./stack.ts";

interface Lock {
  readonly pid: number;
  readonly username: string;
  readonly hostname: string;
  readonly timestamp: string;
}
interface Labelled {
  readonly kind: "container" | "network" | "volume";
  readonly id: string;
  readonly name: string;
}

const say = (text: string) => process.stderr.write(`${text}\n`);

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
async function unlock(stack: string): Promise<boolean> {
  const states = stateFolder();
  if (states === undefined) return false;
  const folder = join(states, "locks/organization/berth", stack);
  const locks = (existsSync(folder) ? readdirSync(folder) : [])
    .filter((file) => file.endsWith(".json"))
    .map((file) => JSON.parse(readFileSync(join(folder, file), "utf8")) as Lock);
  const living = locks.find(alive);
  if (living)
    throw new Refusal(
      `stack ${stack} is being changed by process ${living.pid} of ${living.username}@${living.hostname} since ${living.timestamp}: wait for it${living.hostname === hostname() ? "" : `, or if that machine is gone: pulumi cancel --stack ${stack} --yes`}`,
    );
  if (locks.length === 0) return false;
  say(`a run of ${locks[0]!.timestamp} did not end: taking its lock away`);
  await pulumi(["cancel", "--stack", stack, "--yes"]);
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
async function labelled(stack: string, docker: Docker): Promise<Labelled[]> {
  const label = ["--filter", `label=berth.stack=${stack}`];
  const found = (["container", "network", "volume"] as const).map(async (kind) => {
    const [list, format] =
      kind === "container"
        ? [["ps", "-a", "--no-trunc"], "{{.ID}}\t{{.Names}}\t-"]
        : [
            [kind, "ls", ...(kind === "network" ? ["--no-trunc"] : [])],
            kind === "network" ? "{{.ID}}\t{{.Name}}\t-" : '{{.Name}}\t{{.Name}}\t{{.Label "berth.keep"}}',
          ];
    return (await lines(docker(...list, ...label, "--format", format)))
      .map((line) => line.split("\t") as [string, string, string])
      .filter(([, , keep]) => keep !== "data")
      .map(([id, name]) => ({ kind, id, name }));
  });
  return (await Promise.all(found)).flat();
}

/** A database that is just making its files would leave them half made. */
async function settle(id: string, docker: Docker): Promise<void> {
  const health = async () =>
    (await docker("inspect", "--format", "{{with .State.Health}}{{.Status}}{{end}}", id)).stdout.trim();
  for (let tries = 0; tries < 60 && (await health()) === "starting"; tries += 1) await sleep(1000);
  await docker("stop", id);
}

async function remove({ kind, id, name }: Labelled, docker: Docker): Promise<void> {
  say(`removing ${kind} ${name}: an earlier run made it and did not record it`);
  if (kind !== "container") {
    await docker(kind, "rm", id).catch((error: { stderr?: string }) => process.stderr.write(error.stderr ?? ""));
    return;
  }
  const keeps = async (volume: string): Promise<boolean> =>
    docker("volume", "inspect", "--format", '{{index .Labels "berth.keep"}}', volume).then(
      ({ stdout }) => stdout.trim() === "data",
      () => false,
    );
  const volumes = await lines(docker("inspect", "--format", "{{range .Mounts}}{{println .Name}}{{end}}", id));
  if ((await Promise.all(volumes.map(keeps))).includes(true)) await settle(id, docker);
  await docker("rm", "--force", "--volumes", id);
}

/**
 * Where nothing of a stack is, its data neither, is another engine than its own: all of it would be made there anew,
 * empty, and the state forget what runs. It counts where data is protected.
 */
async function onItsEngine(stack: string, resources: readonly Resource[], docker: Docker): Promise<void> {
  const data = resources.filter(({ type, protect }) => protect && type === VOLUME);
  if (data.length === 0) return;
  const found = new Set(await lines(docker("volume", "ls", "--quiet")));
  if (data.some(({ id }) => found.has(id!))) return;
  throw new Refusal(`nothing of stack ${stack} is on this engine (${engineOf(stack) ?? "this machine's"}), none of its data volumes either: it was made on another one. Nothing was touched.
Name that one: pulumi config set docker:host ssh://deploy@host --stack ${stack}, or DOCKER_HOST. If it is lost for ever, have the state forget it, and begin here with what backups have: pulumi refresh --stack ${stack} --yes`);
}

/**
 * @returns what the state holds then
 * @throws {Refusal} where somebody else is at work on the stack, or has made it, or where this is not its engine
 */
export async function recover(stack: string, docker: Docker): Promise<Deployment> {
  const cutOff = await unlock(stack);
  endOrphans();
  const all = await labelled(stack, docker);
  const deployment = await stateOf(stack);
  const { resources = [], pending_operations: { length: pending } = [] } = deployment;
  const known = new Set(resources.map(({ id }) => id));
  const strangers = all.filter(({ id }) => !known.has(id));
  const containers = (of: readonly Labelled[]) => of.filter(({ kind }) => kind === "container").length;
  // The databases have fixed names, so that a second checkout never gets far enough to look like the owner.
  if (containers(strangers) > containers(all) / 2 && !pending)
    throw new Refusal(`${containers(all)} containers of stack ${stack} are on this engine, and this checkout's state does not know ${containers(strangers)} of them: another checkout made them.
Work there, or give this stack another name. If their state is lost, remove them (their data stays): docker rm -f $(docker ps -aq --filter label=berth.stack=${stack})`);
  if (strangers.length === all.length) await onItsEngine(stack, resources, docker);
  // A plain pulumi that began since then: what it made may be in the list and not in the state.
  await unlock(stack);
  for (const stranger of strangers) await remove(stranger, docker);
  if (!cutOff && !pending) return deployment;
  say("the last run was cut off: reading what the engine has");
  const options = ["--yes", "--skip-preview", "--non-interactive", "--clear-pending-creates", "--suppress-outputs"];
  const { status } = spawnSync("pulumi", ["refresh", "--stack", stack, ...options], { stdio: ["ignore", 2, 2] });
  if (status !== 0) throw new Refusal("the engine could not be read; run this again");
  return stateOf(stack);
}

if (process.argv[1] === import.meta.filename)
  await main(async (stack) => {
    await recover(stack, dockerOf(stack));
  });
