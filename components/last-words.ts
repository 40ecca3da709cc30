import * as pulumi from "@pulumi/pulumi";
import { dockerClient } from "./docker-client.ts";

const LINES = "15";

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
      // The newest is the one that failed; those that only carry files never start.
      const { stdout } = await docker("ps", "-a", ...filters, "--format", "{{.ID}} {{.Names}} {{.Status}}");
      const culprit = stdout
        .split("\n")
        .find((line) => line && !line.includes("(healthy)") && !line.includes("-seed-"));
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
