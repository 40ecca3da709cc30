/**
 * Refuses an up whose data would stay outside the folder that the stack file names: node bin/volumes.ts [stack]
 * A volume that exists is never made again (components/volumes.ts), so that naming a
 * folder later would change nothing, silently.
 */
import { spawnSync } from "node:child_process";
import { ProblemsError } from "../config/problems.ts";
import { resourceName } from "../plan/names.ts";
import { main, planOf, useEngineOf } from "./stack.ts";

await main((stack) => {
  const { system, services } = planOf(stack);
  useEngineOf(stack);
  /** Undefined: there is no such volume yet. */
  const deviceOf = (volume: string): string | undefined => {
    const asked = ["volume", "inspect", "--format", '{{index .Options "device"}}', volume];
    const { status, stdout } = spawnSync("docker", asked, { encoding: "utf8" });
    return status === 0 ? stdout.trim() : undefined;
  };
  const problems = services.flatMap(({ name, volumes = [] }) =>
    volumes.flatMap(({ name: part, device }) => {
      if (device === undefined) return [];
      const volume = resourceName(system, stack, part);
      const found = deviceOf(volume);
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
    }),
  );
  if (problems.length) throw new ProblemsError(stack, problems);
});
