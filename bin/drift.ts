/**
 * Compares what a stack runs, as its state has it, with what its engine has; what this checkout would bring beyond that
 * is said apart.
 *   node bin/drift.ts [stack]            reports, and touches nothing
 *   node bin/drift.ts [stack] --repair   as bin/up does it: mends what Pulumi cannot,
 *                                        prints the options that make `pulumi up` mend the rest
 *
 * `pulumi refresh` would miss what the provider does not read back (docs/provider.md 3.6): networks, files on volumes,
 * paused and unhealthy containers, moved tags, and whatever carries the stack's labels without being its own. What it
 * does read back of a container that has its id is fixed, but for what bin/compare.ts looks at.
 */
import { basename } from "node:path";
import { type Docker, dockerBytes, lines } from "../config/docker-client.ts";
import { Refusal } from "../config/problems.ts";
import { type FileFound, filesOfTar } from "./archive.ts";
import {
  ahead,
  cargoOf,
  type ContainerFound,
  differences,
  type Engine,
  type NetworkFound,
  unexpected,
  type VolumeFound,
} from "./compare.ts";
import { CONTAINER, type Deployment, VOLUME } from "./deployment.ts";
import { preview, stateOf } from "./pulumi.ts";
import { dockerOf, engineOf, main } from "./stack.ts";

async function look(stack: string, { resources = [] }: Deployment): Promise<Engine> {
  const docker = dockerOf(stack);
  const archive = dockerBytes(engineOf(stack));
  const listed = (...args: string[]): Promise<string[]> => lines(docker(...args));
  const inspected = async <T>(kind: string, ids: readonly string[]): Promise<T[]> =>
    ids.length ? (JSON.parse((await docker(kind, "inspect", ...ids)).stdout) as T[]) : [];
  const label = ["--filter", `label=berth.stack=${stack}`];
  // A volume with data that was there before the stack has none of its labels.
  const own = new Set(resources.filter(({ type }) => type === VOLUME).map(({ id }) => id));
  const [containers, networks, volumes, images, counted] = await Promise.all([
    listed("ps", "--all", "--quiet", "--no-trunc", ...label).then((ids) => inspected<ContainerFound>("container", ids)),
    listed("network", "ls", "--quiet", "--no-trunc", ...label).then((ids) => inspected<NetworkFound>("network", ids)),
    listed("volume", "ls", "--format", '{{.Name}} {{.Label "berth.stack"}}').then((found) => {
      const named = found.map((line) => line.split(" ") as [string, string]);
      const wanted = named.filter(([name, of]) => of === stack || own.has(name));
      return inspected<VolumeFound>(
        "volume",
        wanted.map(([name]) => name),
      );
    }),
    listed("image", "ls", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}").then(
      (found) => new Map(found.map((line) => line.split(" ") as [string, string])),
    ),
    docker("info", "--format", "{{.MemoryLimit}} {{.SwapLimit}}").then(({ stdout }) => stdout.trim().split(" ")),
  ]);
  const there = new Set(containers.map(({ Id }) => Id));
  const carriers = resources.filter(
    (resource) =>
      resource.type === CONTAINER &&
      !resource.delete &&
      resource.inputs?.["uploads"] !== undefined &&
      there.has(resource.id ?? ""),
  );
  const [files, brought] = [new Map<string, FileFound[]>(), new Map<string, FileFound[]>()];
  await Promise.all(
    carriers.map(async (resource) => {
      const { id = "" } = resource;
      const { containerPath: folder } = cargoOf(resource);
      const found = filesOfTar(await archive("cp", `${id}:${folder}`, "-"), basename(folder), folder);
      files.set(id, found);
      // An export has the image's own files, and none that is on a volume.
      if (unexpected(resource, found).length)
        brought.set(id, filesOfTar(await archive("export", id), folder.slice(1), folder));
    }),
  );
  const uncounted = [["memory", "memoryReservation"], ["memorySwap"]].filter((_, n) => counted[n] === "false").flat();
  return { containers, networks, volumes, images, files, brought, uncounted };
}

async function report(stack: string): Promise<void> {
  const deployment = await stateOf(stack);
  // An engine that is as it should be is no comfort to whoever's program is refused, and the other way round.
  const [compared, previewed] = await Promise.allSettled([look(stack, deployment), preview(stack)]);
  if (compared.status === "rejected") throw compared.reason as Error;
  // In the middle of an update, by another machine, much looks as if it had been changed.
  if (previewed.status === "rejected" && /currently locked/.test(String(previewed.reason)))
    throw new Refusal((previewed.reason as Error).message);
  const findings = differences(deployment, compared.value);
  for (const { object, what, up } of findings) console.log(`${object}: ${what}; bin/up ${up}`);
  console.error(
    findings.length
      ? `${findings.length} difference${findings.length === 1 ? "" : "s"} between stack ${stack} and its engine`
      : `stack ${stack} and its engine agree`,
  );
  process.exitCode = findings.length ? 2 : 0;
  if (previewed.status === "rejected") {
    console.error(
      `error: what this checkout would bring is not known: ${(previewed.reason as Error).message.replace(/^error: /, "")}`,
    );
    process.exitCode ||= 1;
    return;
  }
  const more = ahead(stack, previewed.value.steps ?? []);
  if (more !== undefined) console.error(more);
}

/**
 * Mends what Pulumi cannot. It runs while nobody else works on the stack: what another run has just made would look
 * foreign.
 *
 * @param deployment What the state holds.
 * @returns the options that make `pulumi up` mend the rest
 */
export async function repair(stack: string, deployment: Deployment, docker: Docker): Promise<string[]> {
  const findings = differences(deployment, await look(stack, deployment));
  for (const { object, what, up, engine } of findings) {
    console.error(`${object}: ${what}; bin/up ${up}`);
    if (engine) await docker(...engine).catch((error: Error) => console.error(`  it could not: ${error.message}`));
  }
  // The state may say otherwise by now, and what is gone can be made only once the state knows.
  const urns = new Set(findings.flatMap((finding) => finding.replace ?? []));
  return [...(findings.length ? ["--refresh"] : []), ...[...urns].map((urn) => `--replace=${urn}`)];
}

if (process.argv[1] === import.meta.filename) {
  await main(async (stack) => {
    if (process.argv[3] !== "--repair") return report(stack);
    for (const option of await repair(stack, await stateOf(stack), dockerOf(stack))) console.log(option);
  });
}
