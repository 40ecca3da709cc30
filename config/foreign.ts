/** Keys of other namespaces than the program's: what nobody reads would do nothing, silently. */
import { didYouMean, nearest } from "./nearest.ts";
import type { Problem } from "./problems.ts";

/** What the docker provider takes, and what Pulumi takes of every provider. */
const DOCKER = [
  "caMaterial",
  "certMaterial",
  "certPath",
  "context",
  "disableDockerDaemonCheck",
  "host",
  "keyMaterial",
  "registryAuth",
  "sshOpts",
  "pluginDownloadURL",
  "version",
];

/** @param keys All keys of the stack, each with its namespace. */
export function foreignProblems(keys: Iterable<string>, stack: string): Problem[] {
  return [...keys].flatMap((key) => {
    const [namespace, name] = key.split(":", 2) as [string, string];
    const fix = `pulumi config rm ${key} --stack ${stack}`;
    if (namespace === "docker" && !DOCKER.includes(name))
      return [{ key, got: `no such key${didYouMean(name, DOCKER)}`, allowed: DOCKER.join(", "), fix }];
    // An environment of Pulumi ESC may bring keys of other programs: only what is nearly one of ours is a mistake.
    const meant = ["berth", "docker"].includes(namespace) ? undefined : nearest(namespace, ["berth", "docker"]);
    return meant === undefined
      ? []
      : [{ key, got: `nothing reads it; did you mean ${meant}:${name}?`, allowed: "berth:…, docker:…", fix }];
  });
}
