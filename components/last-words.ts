import * as pulumi from "@pulumi/pulumi";
import { dockerClient } from "../config/docker-client.ts";
import type { Kind } from "../plan/types.ts";

const LINES = "15";

/** What comes after a container that did not get healthy, by the kind of its service. */
export type LastWords = Readonly<Record<Kind, pulumi.ErrorHook>>;

/**
 * Containers that are not well: the newest is the one that failed. Those that only carry files are created, and never
 * start.
 *
 * @param lines `id name status`, the newest first, as `docker ps` has them
 */
export const culpritsOf = (lines: readonly string[]): string[] =>
  lines.filter((line) => line && !/ \(healthy\)$| Created$/.test(line));

/**
 * When a container of a service does not get healthy, the provider says no more than that. This shows the last log
 * lines of the service's containers that are not well, with whichever command started the update.
 *
 * What failed is ended before the update says so, and no restart of the engine starts it again. A migration that took
 * longer than it may would commit after the update ended without it; a stateless container that nothing leads to would
 * start, fail and start until the next update. The one container of a stateful service goes on: there is no other.
 *
 * @param host Address of the engine (`docker:host`); absent: the docker client's own choice.
 */
export const lastWords = (host: string | undefined): LastWords => ({
  stateful: hook("berth-last-words", dockerClient(host), () => []),
  // Others of its service serve.
  stateless: hook("berth-attempt-ends", dockerClient(host), (culprits, failed) =>
    culprits.filter((line) => line.split(" ")[1] === failed),
  ),
  job: hook("berth-job-ends", dockerClient(host), (culprits) => culprits),
});

type Docker = ReturnType<typeof dockerClient>;
/** Seconds that it gets to end by itself. */
const GRACE = "10";

/** Ends containers for good. */
export async function end(docker: Docker, ids: readonly string[]): Promise<void> {
  await docker("update", "--restart", "no", ...ids);
  await docker("stop", "--time", GRACE, ...ids);
}

/** @param whom Which of the containers that are not well are ended; `failed` is the name of the one that was made. */
function hook(
  name: string,
  docker: Docker,
  whom: (culprits: readonly string[], failed: string | undefined) => readonly string[],
): pulumi.ErrorHook {
  return new pulumi.ErrorHook(name, async ({ newInputs }) => {
    const failed = newInputs as { name?: string; labels?: { label: string; value: string }[] } | undefined;
    const labels = new Map((failed?.labels ?? []).map(({ label, value }) => [label, value]));
    const filters = ["berth.stack", "berth.service"].flatMap((label) => [
      "--filter",
      `label=${label}=${labels.get(label)}`,
    ]);
    try {
      const { stdout } = await docker("ps", "-a", ...filters, "--format", "{{.ID}} {{.Names}} {{.Status}}");
      const culprits = culpritsOf(stdout.split("\n"));
      if (culprits[0]) await pulumi.log.warn(await wordsOf(docker, culprits[0]));
      const ended = whom(culprits, failed?.name);
      if (ended.length) await end(docker, idsOf(ended));
    } catch (error) {
      await pulumi.log.warn(`what failed could not be looked at, or ended: ${(error as Error).message.trim()}`);
    }
    // Never retry: what failed once is kept as it is until the next run.
    return false;
  });
}

const idsOf = (lines: readonly string[]): string[] => lines.map((line) => line.split(" ", 1)[0]!);

async function wordsOf(docker: Docker, culprit: string): Promise<string> {
  const [id, container, ...status] = culprit.split(" ");
  const { stdout, stderr } = await docker("logs", "--tail", LINES, id!);
  const words = `${stdout}${stderr}`.trimEnd() || "(it wrote nothing)";
  return `${container} (${status.join(" ")}) did not get healthy. Its last words:\n${words}`;
}
