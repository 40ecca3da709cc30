/** Keys of other namespaces than the program's: what nobody reads would do nothing, silently. */
import { didYouMean, nearest } from "./nearest.ts";
import type { Problem } from "./problems.ts";

const TLS = "DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH, a folder with ca.pem, cert.pem and key.pem";
/**
 * How the docker provider alone would reach an engine, and what it builds images with takes no context: what is to be
 * set instead, which the docker client heeds too.
 */
const ALONE: Readonly<Record<string, string>> = {
  caMaterial: TLS,
  certMaterial: TLS,
  certPath: TLS,
  context: "docker:host, with the address that docker context inspect shows",
  keyMaterial: TLS,
  sshOpts: "docker:host, with the host's name, and the options in ~/.ssh/config",
};
/** What the docker provider takes besides, and what Pulumi takes of every provider. */
const DOCKER = ["disableDockerDaemonCheck", "host", "registryAuth", "pluginDownloadURL", "version"];

/** @param keys All keys of the stack, each with its namespace. */
export function foreignProblems(keys: Iterable<string>, stack: string): Problem[] {
  return [...keys].flatMap((key) => {
    const [namespace, name] = key.split(":", 2) as [string, string];
    const fix = `pulumi config rm ${key} --stack ${stack}`;
    if (namespace === "docker" && Object.hasOwn(ALONE, name))
      return [
        {
          key,
          got: "set: the docker client, which is asked for what the provider cannot tell, would go elsewhere",
          allowed: ALONE[name]!,
          fix,
        },
      ];
    if (namespace === "docker" && !DOCKER.includes(name))
      return [{ key, got: `no such key${didYouMean(name, DOCKER)}`, allowed: DOCKER.join(", "), fix }];
    // An environment of Pulumi ESC may bring keys of other programs: only what is nearly one of ours is a mistake.
    const meant = ["berth", "docker"].includes(namespace) ? undefined : nearest(namespace, ["berth", "docker"]);
    return meant === undefined
      ? []
      : [{ key, got: `nothing reads it; did you mean ${meant}:${name}?`, allowed: "berth:…, docker:…", fix }];
  });
}

/**
 * What is set for all stacks at once reaches the program and no script: bin/up would hold a release to other settings
 * than it has. @param keys Those of Pulumi.yaml.
 */
export const sharedProblems = (keys: readonly string[], stack: string): Problem[] =>
  keys
    .filter((key) => /^(?:berth|docker):/.test(key))
    .map((key) => ({
      key,
      got: "set in Pulumi.yaml, for all stacks",
      allowed: `a key of Pulumi.${stack}.yaml: the scripts of bin/ read no other file`,
      fix: `take it out of Pulumi.yaml, and where this stack needs it: pulumi config set ${key} … --stack ${stack}`,
    }));
