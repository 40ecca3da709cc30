/**
 * Jobs: healthy only after success, and staying so, because a container's exit code does
 * not fail an update (docs/provider.md A7).
 */
import { healthCheck } from "../../plan/health.ts";

/**
 * Runs a shell line once; the container is healthy when it succeeded. A failure
 * exits and is retried by the restart policy.
 */
export const runOnce = (line: string): readonly string[] => [
  "sh",
  "-c",
  `${line} && touch /tmp/done && exec sleep infinity`,
];

/** Once it is done nothing can undo it: it is asked rarely. */
export const succeeded = healthCheck.command(["test", "-e", "/tmp/done"], { startPeriod: 0, retries: 1 });
