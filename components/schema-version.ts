import * as pulumi from "@pulumi/pulumi";
import type { SchemaVersion } from "../plan/types.ts";
import { dockerClient } from "../config/docker-client.ts";
import type { Declared } from "./shared.ts";

/**
 * The version of the database's schema once the migrations are done. The database is asked, at every update: the
 * migrations of this checkout need not be those of the image (promotion), and a schema that moved on stays when a
 * former release comes back. The docker provider cannot ask a running container, so the docker client does. An
 * answer that cannot be had fails nothing.
 *
 * @param host Address of the engine (`docker:host`); absent: the docker client's own choice.
 */
export function schemaVersion(
  how: SchemaVersion | undefined,
  declared: ReadonlyMap<string, Declared>,
  host: string | undefined,
): pulumi.Output<string | undefined> {
  const [asked, maker] = [
    declared.get(how?.service ?? "")?.containers[0],
    declared.get(how?.madeBy ?? "")?.containers[0],
  ];
  if (how === undefined || asked === undefined || maker === undefined) return pulumi.output(undefined);
  // A preview knows the ids of what would stay, and so the version; of what would be replaced it knows neither.
  return pulumi.all([asked.id, maker.id]).apply(async ([id]) => {
    try {
      const { stdout } = await dockerClient(host)("exec", id, ...how.command);
      return stdout.trim() || undefined;
    } catch (error) {
      if (!pulumi.runtime.isDryRun())
        await pulumi.log.warn(
          `the version of the schema is not known: ${(error as Error).message.trim().split("\n").at(-1)}`,
        );
      return undefined;
    }
  });
}
