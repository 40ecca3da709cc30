/**
 * What the start of a container takes, by the kernel's own counters, which know nothing of how busy the machine is:
 * read through the engine at the first good health check.
 */
import { get } from "node:http";
import type { Budget } from "../systems/driver.ts";
import { docker } from "./command.ts";
import { Events } from "./engine.ts";
import type { Project } from "./project.ts";

export interface Start {
  readonly service: string;
  /** Seconds of processor time, health checks included. */
  readonly cpu: number;
  /** MiB, without what the kernel could drop. */
  readonly memory: number;
}

/** As much as is read here of what the engine tells of a container. */
export interface Stats {
  /** Nanoseconds. */
  readonly cpu_stats: { readonly cpu_usage: { readonly total_usage: number } };
  /** Bytes. cgroup v1 has the total of a tree beside that of its root. */
  readonly memory_stats: {
    readonly usage: number;
    readonly stats: { readonly total_inactive_file?: number; readonly inactive_file?: number };
  };
}

export function startOf(service: string, { cpu_stats, memory_stats: { usage, stats } }: Stats): Start {
  const droppable = stats.total_inactive_file ?? stats.inactive_file ?? 0;
  return { service, cpu: cpu_stats.cpu_usage.total_usage / 1e9, memory: (usage - droppable) / 1024 ** 2 };
}

/** What exceeds its budget, in words. */
export const overBudget = (starts: readonly Start[], budgetOf: (service: string) => Budget): string[] =>
  starts.flatMap(({ service, ...took }) =>
    (["cpu", "memory"] as const)
      .filter((what) => took[what] > budgetOf(service)[what])
      .map((what) => `${service}: ${what} ${took[what].toFixed(1)}, allowed ${budgetOf(service)[what]}`),
  );

/** The starts of a stack's containers while something is done: of each the first that is a good one. */
export async function startsWhile({ stack }: Project, work: () => Promise<unknown>): Promise<Start[]> {
  const endpoint = await docker("context", "inspect", "--format", "{{.Endpoints.docker.Host}}");
  if (!endpoint.startsWith("unix://")) throw new Error(`${endpoint}: counters are read through a local socket only`);
  const format = '{{.Actor.ID}} {{index .Actor.Attributes "berth.service"}} {{.Action}}';
  const events = await Events.watch(format, `label=berth.stack=${stack}`, "event=health_status");
  const starts = new Map<string, Promise<Start>>();
  events.each((line) => {
    const [id, service, ...action] = line.split(" ") as [string, string, ...string[]];
    if (action.join(" ") !== "health_status: healthy" || starts.has(id)) return;
    const read = statsOf(endpoint.slice("unix://".length), id).then((stats) => startOf(service, stats));
    starts.set(id, read);
    // Who waits for all of them hears of it; until then it is no error that nobody does.
    read.catch(() => undefined);
  });
  try {
    await work();
  } finally {
    await events.stop();
  }
  return Promise.all(starts.values());
}

/** One reading, without the second that the engine waits to make a rate of it. */
function statsOf(socketPath: string, id: string): Promise<Stats> {
  return new Promise((resolve, reject) => {
    get({ socketPath, path: `/containers/${id}/stats?stream=false&one-shot=true` }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.once("end", () => {
        if (response.statusCode === 200) resolve(JSON.parse(text) as Stats);
        else reject(new Error(`counters of ${id}: ${response.statusCode} ${text.trim()}`));
      });
    }).once("error", reject);
  });
}
