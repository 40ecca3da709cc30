/**
 * Volumes with data. As a program, the names that a stack gives them: node bin/volumes.ts <stack>
 *
 * Those whose data would stay outside the folder that the stack file names: one that exists is never made again
 * (components/volumes.ts), so that naming a folder later would change nothing, silently.
 */
import type { Docker } from "../config/docker-client.ts";
import type { Problem } from "../config/problems.ts";
import { resourceName } from "../plan/names.ts";
import type { Plan } from "../plan/types.ts";
import { main, planOf } from "./stack.ts";

export async function misplacedVolumes({ system, stack, services }: Plan, docker: Docker): Promise<Problem[]> {
  /** Undefined: there is no such volume yet. */
  const deviceOf = (volume: string): Promise<string | undefined> =>
    docker("volume", "inspect", "--format", '{{index .Options "device"}}', volume).then(
      ({ stdout }) => stdout.trim(),
      () => undefined,
    );
  const placed = services.flatMap(({ name, volumes = [] }) =>
    volumes.flatMap(({ name: part, device }) => (device === undefined ? [] : [{ name, part, device }])),
  );
  const problems = placed.map(async ({ name, part, device }): Promise<Problem[]> => {
    const volume = resourceName(system, stack, part);
    const found = await deviceOf(volume);
    return found === undefined || found === device
      ? []
      : [
          {
            key: `berth:${name}.device`,
            got: `${device}, but the volume ${volume} is ${found.startsWith("/") ? `in ${found}` : "in the engine's own folder"}`,
            allowed: "the folder that the volume was made with; an existing volume is never made again",
            fix: "move the data: docs/operations.md, Encryption at rest",
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
