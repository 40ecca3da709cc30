/**
 * An image that is pulled, under a tag of a stack's own: what other stacks pull stays what it is, whatever a test does
 * with the tag.
 */
import { command, docker, good } from "./command.ts";
import type { Project } from "./project.ts";

/** The image, and the service that runs it. */
export const PULLED = { image: "redisExporter", service: "redis-exporter" } as const;
export const tagOf = ({ stack }: Project, of = "first"): string => `localhost/berth-test/redis-exporter-${of}:${stack}`;

/** What a service pulls. */
export function pulledBy(project: Project, service: string): string {
  const { image } = project.known.service(service);
  if (!("pull" in image)) throw new Error(`${service} is built`);
  return image.pull;
}

/** Gives the image a tag of the stack's own, and has the stack pull that one. */
export async function pullOwn(project: Project): Promise<void> {
  await docker("tag", pulledBy(project, PULLED.service), tagOf(project));
  project.configure({ "berth:baseImages": { [PULLED.image]: tagOf(project) } });
}

/** Makes an image that does the same, and is another one. */
export async function another(from: string, tag: string): Promise<void> {
  const input = `FROM ${from}\nLABEL another=${Date.now()}\n`;
  await good(command("docker", ["build", "--quiet", "--tag", tag, "-"], { input }));
}
