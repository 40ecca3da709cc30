import * as pulumi from "@pulumi/pulumi";
import { dockerClient } from "../config/docker-client.ts";

const LINES = "15";

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
 * A job that failed is ended before the update says so, and no restart of the engine starts it again: a migration that
 * took longer than it may would commit after the update ended without it.
 *
 * @param host Address of the engine (`docker:host`); absent: the docker client's own choice.
 */
export const lastWords = (
  host: string | undefined,
): { readonly others: pulumi.ErrorHook; readonly job: pulumi.ErrorHook } => ({
  others: hook("berth-last-words", dockerClient(host), () => Promise.resolve()),
  job: hook("berth-job-ends", dockerClient(host), endJob),
});

type Docker = ReturnType<typeof dockerClient>;
/** Seconds that a job gets to end by itself. */
const GRACE = "10";

/** @param ids Containers of the job that are not well. */
export async function endJob(docker: Docker, ids: readonly string[]): Promise<void> {
  await docker("update", "--restart", "no", ...ids);
  await docker("stop", "--time", GRACE, ...ids);
}

function hook(
  name: string,
  docker: Docker,
  end: (docker: Docker, ids: readonly string[]) => Promise<void>,
): pulumi.ErrorHook {
  return new pulumi.ErrorHook(name, async ({ newInputs }) => {
    const labels = new Map(
      ((newInputs as { labels?: { label: string; value: string }[] } | undefined)?.labels ?? []).map(
        ({ label, value }) => [label, value],
      ),
    );
    const filters = ["berth.stack", "berth.service"].flatMap((label) => [
      "--filter",
      `label=${label}=${labels.get(label)}`,
    ]);
    try {
      const { stdout } = await docker("ps", "-a", ...filters, "--format", "{{.ID}} {{.Names}} {{.Status}}");
      const culprits = culpritsOf(stdout.split("\n"));
      if (culprits[0]) await pulumi.log.warn(await wordsOf(docker, culprits[0]));
      if (culprits.length) await end(docker, idsOf(culprits));
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
