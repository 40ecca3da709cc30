/** Containers beside those of a stack, and what a container says as the engine tells it. */
import { type ChildProcess, spawn } from "node:child_process";
import { TOOLS } from "../../stack/engine.ts";
import { command, docker } from "../../stack/command.ts";
import type { Project } from "../../stack/project.ts";

/** Containers that are none of the stack's, but for their labels. What they run ends by itself, the container stays. */
export class Besides {
  readonly #project: Project;
  readonly #ids: string[] = [];
  constructor(project: Project) {
    this.#project = project;
  }

  /** Runs a shell line, logged as one of the stack's is. @returns the id of the container */
  async run(labels: Readonly<Record<string, string>>, ...line: readonly string[]): Promise<string> {
    const like = await this.#project.container("agent");
    const { Config } = JSON.parse(await docker("inspect", "--format", "{{json .HostConfig.LogConfig}}", like)) as {
      Config: Record<string, string>;
    };
    const options = [
      ...["--network", "none", "--memory", "64m", "--cpus", "1"],
      ...Object.entries(labels).flatMap(([name, value]) => ["--label", `${name}=${value}`]),
      ...Object.entries(Config).flatMap(([name, value]) => ["--log-opt", `${name}=${value}`]),
    ];
    const id = await docker("run", "--detach", ...options, "--entrypoint", "sh", TOOLS, "-c", ...line);
    this.#ids.push(id);
    return id;
  }
  async remove(): Promise<void> {
    if (this.#ids.length) await command("docker", ["rm", "--force", ...this.#ids]);
  }
}

/** Everything a container says from now on. */
export class Words {
  readonly #child: ChildProcess;
  #text = "";
  constructor(container: string) {
    this.#child = spawn("docker", ["logs", "--follow", "--tail", "0", container], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    this.#child.stdout!.on("data", (chunk: Buffer) => {
      this.#text += chunk.toString();
    });
  }
  get lines(): string[] {
    return this.#text.split("\n").filter(Boolean);
  }
  stop(): void {
    this.#child.kill();
  }
}
