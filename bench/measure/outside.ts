/** A service as a process of this machine: what its container runs, with no container around it. Needs root. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PlannedService } from "../../plan/types.ts";
import { command, docker, eventually, good } from "../../test/stack/command.ts";

/** Proc and dev as this machine has them, for this process alone; then the same files, user and command. */
const ENTER = 'mount --bind /proc "$0/proc" && mount --bind /dev "$0/dev" && exec chroot "$@"';

export interface OutsideArgs {
  /** One that runs the service. */
  readonly container: string;
  readonly service: PlannedService;
  /** Of this machine; nothing listens there. */
  readonly port: number;
  /** Names that the engine resolves for the container, and their addresses. */
  readonly hosts: Readonly<Record<string, string>>;
}

export class Outside {
  readonly url: string;
  readonly #args: OutsideArgs;
  readonly #dir = mkdtempSync(join(tmpdir(), "berth-outside-"));
  #process: ChildProcess | undefined;
  constructor(args: OutsideArgs) {
    this.#args = args;
    this.url = `http://127.0.0.1:${args.port}`;
  }

  /** Begins it, and waits until it lives. */
  async open(): Promise<void> {
    const { container, service, port, hosts } = this.#args;
    // Its root is for whoever the process is.
    chmodSync(this.#dir, 0o755);
    // An export has nothing of volumes: the files of secrets are on one.
    for (const from of [`docker export ${container}`, `docker exec ${container} tar -c -C / etc/berth`])
      await good(command("bash", ["-o", "pipefail", "-c", `${from} | tar -x -C ${this.#dir}`]));
    for (const [name, address] of Object.entries(hosts))
      appendFileSync(join(this.#dir, "etc/hosts"), `${address} ${name}\n`);
    const lines = JSON.parse(await docker("inspect", "--format", "{{json .Config.Env}}", container)) as string[];
    const env: Record<string, string> = {};
    for (const line of lines) env[line.slice(0, line.indexOf("="))] = line.slice(line.indexOf("=") + 1);
    const chroot = [`--userspec=${service.uid}:${service.gid ?? 0}`, this.#dir, ...service.command!];
    this.#process = spawn("unshare", ["--mount", "sh", "-c", ENTER, this.#dir, ...chroot], {
      env: { ...env, PORT: String(port) },
      stdio: ["ignore", "ignore", "inherit"],
    });
    await eventually(async () => {
      if (!(await fetch(`${this.url}/health`)).ok) throw new Error(`${this.url} is not healthy`);
    }, 60);
  }
  async close(): Promise<void> {
    if (this.#process && this.#process.exitCode === null) {
      this.#process.kill("SIGTERM");
      await once(this.#process, "exit");
    }
    rmSync(this.#dir, { recursive: true });
  }
}
