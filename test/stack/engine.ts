/** What tests ask of the engine beside project.ts. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { imageHere } from "../../config/here.ts";
import { docker, engineNow, sleep } from "./command.ts";
import type { Project } from "./project.ts";

/** Ids of the stack's containers, but for those of the services named. */
export async function idsBut(project: Project, services: Iterable<string>): Promise<Map<string, string>> {
  const all = await project.containers();
  const others = await Promise.all([...services].map((service) => project.containers(service)));
  for (const container of others.flatMap((found) => [...found.keys()])) all.delete(container);
  return all;
}

/** The traces that the lines of a request name, as each of these services wrote them. @throws where one wrote none */
export async function traces(project: Project, request: string, services: readonly string[]): Promise<string[]> {
  const linesOf = async (service: string): Promise<string[]> => {
    const logs = await Promise.all((await project.running(service)).map((container) => docker("logs", container)));
    const lines = logs.flatMap((log) => log.split("\n")).filter((line) => line.includes(request));
    assert.ok(lines.length > 0, `no line of ${service}`);
    return lines;
  };
  const found = (await Promise.all(services.map(linesOf))).flat();
  return [...new Set(found.map((line) => (JSON.parse(line) as { trace_id?: string }).trace_id ?? ""))];
}

/** A volume or network of the stack by the part of its name that the program gives. */
export async function named(project: Project, kind: "volume" | "network", part: string): Promise<string> {
  const names = (
    await docker(kind, "ls", "--filter", `label=berth.stack=${project.stack}`, "--format", "{{.Name}}")
  ).split("\n");
  const found = names.filter((name) => new RegExp(`^[a-z]+-${project.stack}-${part}(-[0-9a-f]{7})?$`).test(name));
  if (found.length !== 1) throw new Error(`${kind} ${part}: ${found.join(", ") || "none"} of ${names.join(", ")}`);
  return found[0]!;
}

/** A small image that every stack has. */
export const TOOLS = imageHere("redis:8.10");

/** Runs a shell line as root on a volume, mounted on /v. */
export const onVolume = (volume: string, line: string): Promise<string> =>
  docker(
    "run",
    "--rm",
    "--user",
    "0:0",
    "--network",
    "none",
    "--volume",
    `${volume}:/v`,
    "--entrypoint",
    "sh",
    TOOLS,
    "-c",
    line,
  );

/** The engine's events as they happen: it remembers 256 of them, which health checks use up in seconds. */
export class Events {
  readonly #child: ChildProcess;
  #text = "";
  private constructor(since: number, format: string, filters: readonly string[]) {
    this.#child = spawn(
      "docker",
      ["events", "--since", String(since), "--format", format, ...filters.flatMap((filter) => ["--filter", filter])],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    this.#child.stdout!.on("data", (chunk: Buffer) => {
      this.#text += chunk.toString();
    });
  }
  static async watch(format: string, ...filters: string[]): Promise<Events> {
    return new Events(await engineNow(), format, filters);
  }

  /** Hands every further line over as it comes. */
  each(listener: (line: string) => void): void {
    createInterface({ input: this.#child.stdout! }).on("line", listener);
  }

  /** Lines of what happened while something was done. */
  static async during(work: () => Promise<unknown>, format: string, ...filters: string[]): Promise<string[]> {
    const events = await Events.watch(format, ...filters);
    let lines: string[] = [];
    try {
      await work();
    } finally {
      lines = await events.stop();
    }
    return lines;
  }

  /** Ends the watching. */
  async stop(): Promise<string[]> {
    await sleep(1000);
    this.#child.kill();
    return this.#text.split("\n").filter(Boolean);
  }
}
