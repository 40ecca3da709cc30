import type * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { type Docker, dockerClient } from "../config/docker-client.ts";

/** What the engine says of a container at one moment; times in milliseconds since 1970, by the engine's clock. */
export interface Look {
  readonly name: string;
  /** `running`, `restarting`, `exited` and so on. */
  readonly status: string;
  /** `starting`, `healthy` or `unhealthy`. */
  readonly health: string;
  readonly startedAt: number;
  /** How often the engine started it again. */
  readonly restarts: number;
  /** When it was asked. */
  readonly at: number;
}

export interface Watch {
  /** Seconds for which it must stay healthy. */
  readonly seconds: number;
  /** Seconds within which it must be healthy. */
  readonly patience: number;
}

/** `steady`; `wait`: not known yet; otherwise what is wrong, in words. */
type Verdict = "steady" | "wait" | { readonly wrong: string };

/** @param looks At one container, the first one first. */
export function judge(looks: readonly Look[], { seconds, patience }: Watch): Verdict {
  const [first, last] = [looks[0]!, looks.at(-1)!];
  const age = (last.at - last.startedAt) / 1000;
  const healthy = looks.find(({ health }) => health === "healthy");
  if (last.status !== "running") return { wrong: `is ${last.status}` };
  if (last.health === "unhealthy") return { wrong: "is unhealthy" };
  if (healthy && (last.startedAt !== healthy.startedAt || last.health !== "healthy")) return { wrong: "was restarted" };
  if (!healthy) return (last.at - first.at) / 1000 < patience ? "wait" : { wrong: "does not get healthy" };
  if (first.restarts > 0 && (first.at - first.startedAt) / 1000 < seconds) return { wrong: "was restarted" };
  // One of a former release has been watched.
  return age >= seconds + patience || (last.at - healthy.at) / 1000 >= seconds ? "steady" : "wait";
}

const FORMAT = "{{.Name}} {{.State.Status}} {{.State.Health.Status}} {{.State.StartedAt}} {{.RestartCount}}";

/**
 * Looks at containers once a second until each of them is steady.
 * @param ask The docker client. @throws {pulumi.RunError} naming the first that is not, with its last words.
 */
export async function watch(
  ids: readonly string[],
  rules: Watch,
  ask: Docker,
  pause: () => Promise<unknown> = () => new Promise((resolve) => setTimeout(resolve, 1000)),
): Promise<void> {
  const looks = ids.map((): Look[] => []);
  for (;;) {
    const now = Date.parse((await ask("info", "--format", "{{.SystemTime}}")).stdout.trim());
    const { stdout } = await ask("inspect", "--format", FORMAT, ...ids);
    for (const [n, line] of stdout.trim().split("\n").entries()) {
      const [name = "", status = "", health = "", startedAt = "", restarts] = line.split(" ");
      const look = { status, health, startedAt: Date.parse(startedAt), restarts: Number(restarts), at: now };
      looks[n]!.push({ name: name.replace("/", ""), ...look });
    }
    const verdicts = looks.map((of) => judge(of, rules));
    for (const [n, verdict] of verdicts.entries())
      if (typeof verdict === "object") throw await refused(looks[n]![0]!.name, verdict.wrong, ids[n]!, ask);
    if (verdicts.every((verdict) => verdict === "steady")) return;
    await pause();
  }
}

async function refused(name: string, wrong: string, id: string, ask: Docker): Promise<Error> {
  const { stdout, stderr } = await ask("logs", "--tail", "15", id);
  const words = `${stdout}${stderr}`.trimEnd() || "(it wrote nothing)";
  return new pulumi.RunError(
    `${name} ${wrong} while the release settles (berth:settle): the routes stay as they are. Its last words:\n${words}`,
  );
}

/**
 * Containers that nothing can ask, such as those of a worker without a port: the engine alone knows how they are. The
 * docker provider asks it once, when it makes them; the docker client goes on asking.
 *
 * @param host Address of the engine (`docker:host`); absent: the docker client's own choice.
 * @returns what to depend on: it is known when all of them are steady, and never, where one of them is not.
 */
export const steady = (
  containers: readonly docker.Container[],
  rules: Watch,
  host: string | undefined,
): pulumi.Output<docker.Container> =>
  pulumi.all(containers.map(({ id }) => id)).apply(async (ids) => {
    if (!pulumi.runtime.isDryRun()) await watch(ids, rules, dockerClient(host));
    return containers[0]!;
  });
