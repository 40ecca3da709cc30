/**
 * Volumes with data. As a program, the names that a stack gives them: node bin/volumes.ts <stack>
 *
 * Those whose data is not where the stack file says: one that exists is never made again (components/volumes.ts), so
 * that naming a folder later, another one, or none any more would change nothing, silently.
 */
import type { Docker } from "../config/docker-client.ts";
import { type Problem, setCommand } from "../config/problems.ts";
import { resourceName } from "../plan/names.ts";
import type { Plan } from "../plan/types.ts";
import { type Deployment, VOLUME } from "./deployment.ts";
import { main, planOf } from "./stack.ts";
import { subjectOf } from "./steps.ts";

interface Options {
  readonly device?: string;
}

/** @param deployment Knows how the stack made its volumes. One that it found is as somebody else made it. */
export async function misplacedVolumes(
  { system, stack, services }: Plan,
  docker: Docker,
  { resources = [] }: Deployment,
): Promise<Problem[]> {
  const madeIn = new Map(
    resources
      .filter((resource) => resource.type === VOLUME && !resource.delete)
      .map(({ urn, inputs }) => [subjectOf(urn).name, (inputs?.["driverOpts"] as Options | undefined)?.device]),
  );
  const data = new Map(
    services.flatMap(({ name, volumes = [] }) =>
      volumes
        .filter(({ keep }) => keep === "data")
        .map((mount) => [resourceName(system, stack, mount.name), { ...mount, name }] as const),
    ),
  );
  const inspected = (volume: string): Promise<string | undefined> =>
    docker("volume", "inspect", "--format", '{{index .Options "device"}}', volume).then(
      ({ stdout }) => stdout.trimEnd(),
      // There is no such volume yet.
      () => undefined,
    );
  const problems = [...data].map(async ([volume, { name, device }]): Promise<Problem[]> => {
    const found = device === undefined ? madeIn.get(volume) : await inspected(volume);
    if (found === undefined || found === device) return [];
    const key = `berth:${name}.device`;
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
  await main((stack) => {
    const { system, services } = planOf(stack);
    const data = services.flatMap(({ volumes = [] }) => volumes.filter(({ keep }) => keep === "data"));
    console.log([...new Set(data.map(({ name }) => resourceName(system, stack, name)))].join("\n"));
  });
