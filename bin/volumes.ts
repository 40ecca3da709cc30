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
import { main, planOf } from "./stack.ts";

export async function misplacedVolumes({ system, stack, services }: Plan, docker: Docker): Promise<Problem[]> {
  const data = new Map(
    services.flatMap(({ name, volumes = [] }) =>
      volumes
        .filter(({ keep }) => keep === "data")
        .map((mount) => [resourceName(system, stack, mount.name), { ...mount, name }] as const),
    ),
  );
  const format = '{{index .Options "device"}}\t{{index .Labels "berth.stack"}}';
  const problems = [...data].map(async ([volume, { name, device }]): Promise<Problem[]> => {
    const found = await docker("volume", "inspect", "--format", format, volume).catch(() => undefined);
    // There is no such volume yet.
    if (found === undefined) return [];
    const [folder = "", owner] = found.stdout.trimEnd().split("\t");
    // One that was there before the stack is what somebody else made it.
    if (folder === (device ?? "") || (device === undefined && owner !== stack)) return [];
    const key = `berth:${name}.device`;
    const back = folder.startsWith("/")
      ? setCommand(key, folder, stack)
      : `pulumi config rm --path ${key} --stack ${stack}`;
    return [
      {
        key,
        got: `${device ?? "not set"}, but the volume ${volume} is ${folder.startsWith("/") ? `in ${folder}` : "in the engine's own folder"}`,
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
