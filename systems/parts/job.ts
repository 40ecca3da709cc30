/** Jobs: healthy only after success, and staying so, because a container's exit code does not fail an update (docker-provider.md A7). */
import { healthCheck } from "../../plan/health.ts";

/** Runs a shell line once; the container is healthy when it succeeded. A failure exits and is retried by the restart policy. */
export const runOnce = (line: string): readonly string[] => ["sh", "-c", `${line} && touch /tmp/done && exec sleep infinity`];

/** Every check starts a process in the container for as long as the job stays: as seldom as a waiting person bears. */
export const succeeded = healthCheck.command(["test", "-e", "/tmp/done"], { interval: 3, startPeriod: 0, retries: 3 });
