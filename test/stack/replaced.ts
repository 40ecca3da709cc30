/** What the replacement of a single container may cost: what fails while its service is away, and nothing else. */
import type { Failed } from "../load/load.ts";
import { Events } from "./engine.ts";
import type { Project } from "./project.ts";

/** From the first signal to a container to the first good check of the next one; milliseconds since the epoch. */
export interface Away {
  readonly service: string;
  readonly began: number;
  readonly ended: number;
}

const FORMAT = '{{.TimeNano}} {{index .Actor.Attributes "berth.service"}} {{.Action}}';

/** What the engine's events say of services that are one container. @param lines in FORMAT */
export function awayIn(lines: readonly string[], services: readonly string[]): Away[] {
  const since = new Map<string, number>();
  return lines.flatMap((line) => {
    const [nanoseconds, service, ...words] = line.split(" ") as [string, string, ...string[]];
    if (!services.includes(service)) return [];
    const [moment, began] = [Number(nanoseconds) / 1e6, since.get(service)];
    if (words.join(" ") !== "health_status: healthy") {
      since.set(service, began ?? moment);
      return [];
    }
    since.delete(service);
    return began === undefined ? [] : [{ service, began, ended: moment }];
  });
}

/** When single services of a stack were away while something was done. */
export async function awayWhile(project: Project, work: () => Promise<unknown>): Promise<Away[]> {
  const single = project.known.those({ kind: "stateful" }).map(({ name }) => name);
  const filters = [`label=berth.stack=${project.stack}`, "event=kill", "event=health_status"];
  return awayIn(await Events.during(work, FORMAT, ...filters), single);
}

/** Milliseconds by which what a client sees may lie beside what the engine tells. */
const SLACK = 1000;

/** The failures that overlap with one of these. */
export const during = (failed: readonly Failed[], all: readonly Away[]): Failed[] =>
  failed.filter(({ began, ended }) => all.some((away) => began <= away.ended + SLACK && ended >= away.began - SLACK));
