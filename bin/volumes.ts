/**
 * Volumes with data. As a program, the names that a stack gives them: node bin/volumes.ts <stack>
 *
 * Those whose data is not where the stack file says: one that exists is never made again (components/volumes.ts), so
 * that naming a folder later, another one, or none any more would change nothing, silently.
 */
import type { Docker } from "../config/docker-client.ts";
import { type Problem, setCommand } from "../config/problems.ts";
import { resourceName } from "../plan/names.ts";
import type { Plan, VolumeMount } from "../plan/types.ts";
import { type Deployment, VOLUME } from "./deployment.ts";
import { main, planOf } from "./stack.ts";
import { subjectOf } from "./steps.ts";

interface Options {
  readonly device?: string;
}

/** By the name that a stack gives it: what is mounted of it, and by which service. */
const dataOf = ({ system, stack, services }: Plan): ReadonlyMap<string, VolumeMount & { readonly service: string }> =>
  new Map(
    services.flatMap(({ name: service, volumes = [] }) =>
      volumes
        .filter(({ keep }) => keep === "data")
        .map((mount) => [resourceName(system, stack, mount.name), { ...mount, service }] as const),
    ),
  );

/** @param deployment Knows how the stack made its volumes. One that it found is as somebody else made it. */
export async function misplacedVolumes(plan: Plan, docker: Docker, { resources = [] }: Deployment): Promise<Problem[]> {
  const madeIn = new Map(
    resources
      .filter((resource) => resource.type === VOLUME && !resource.delete)
      .map(({ urn, inputs }) => [subjectOf(urn).name, (inputs?.["driverOpts"] as Options | undefined)?.device]),
  );
  const inspected = (volume: string): Promise<string | undefined> =>
    docker("volume", "inspect", "--format", '{{index .Options "device"}}', volume).then(
      ({ stdout }) => stdout.trimEnd(),
      // There is no such volume yet.
      () => undefined,
    );
  const { stack } = plan;
  const problems = [...dataOf(plan)].map(async ([volume, { service, device }]): Promise<Problem[]> => {
    const found = device === undefined ? madeIn.get(volume) : await inspected(volume);
    if (found === undefined || found === device) return [];
    const key = `berth:${service}.device`;
    const back = found.startsWith("/")
      ? setCommand(key, found, stack)
      : `pulumi config rm --path ${key} --stack ${stack}`;
    return [
      {
        key,
        got: `${device ?? "not set"}, but the volume ${volume} is ${found.startsWith("/") ? `in ${found}` : "in the engine's own folder"}`,
        allowed: "the folder that the volume was made with; an existing volume is never made again",
        fix: `${back}   (or move the data: docs/operations.md, Encryption at rest)`,
      },
    ];
  });
  return (await Promise.all(problems)).flat();
}

if (process.argv[1] === import.meta.filename)
  await main((stack) => console.log([...dataOf(planOf(stack)).keys()].join("\n")));
