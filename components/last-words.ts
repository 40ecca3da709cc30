import * as pulumi from "@pulumi/pulumi";
import { dockerClient } from "./docker-client.ts";

const LINES = "15";

/**
 * The newest container that is not well is the one that failed. Those that only carry files are created, and never
 * start.
 *
 * @param lines `id name status`, the newest first, as `docker ps` has them
 */
export const culpritOf = (lines: readonly string[]): string | undefined =>
  lines.find((line) => line && !/ \(healthy\)$| Created$/.test(line));

/**
 * When a container of a service does not get healthy, the provider says no more than that. This shows the last log
 * lines of the service's containers that are not well, with whichever command started the update.
 *
 * @param host Address of the engine (`docker:host`); absent: the docker client's own choice.
 */
export function lastWords(host: string | undefined): pulumi.ErrorHook {
  const docker = dockerClient(host);
  return new pulumi.ErrorHook("berth-last-words", async ({ newInputs }) => {
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
      const culprit = culpritOf(stdout.split("\n"));
      if (!culprit) return false;
      const [id, container, ...status] = culprit.split(" ");
      const logs = await docker("logs", "--tail", LINES, id!);
      const words = `${logs.stdout}${logs.stderr}`.trimEnd() || "(it wrote nothing)";
      await pulumi.log.warn(`${container} (${status.join(" ")}) did not get healthy. Its last words:\n${words}`);
    } catch {
      /* The failure itself is reported; its words are a help, not a need. */
    }
    // Never retry: what failed once is kept as it is until the next run.
    return false;
  });
}
