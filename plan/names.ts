/** Makes the names of everything that a stack has. Networks and containers of two stacks on one engine never meet. */

/**
 * Prefix of everything that belongs to a stack, which says the system once: a stack called dev and one called
 * assistant-dev would share it, and so cannot share an engine (plan/checks/names.ts).
 */
export const prefix = (system: string, stack: string): string =>
  stack.startsWith(`${system}-`) ? stack : `${system}-${stack}`;

/** Logical name of a resource, from which the provider makes the engine's name. */
export const resourceName = (system: string, stack: string, ...parts: (string | number)[]): string =>
  [prefix(system, stack), ...parts].join("-");

/** What the provider appends where a name may not be taken twice. */
const SUFFIX = "-0123456";

/** The longest name that a container of the stack gets: others find it by that. */
export function longestName(
  system: string,
  stack: string,
  services: readonly { readonly name: string; readonly kind: string; readonly replicas: number }[],
): string {
  const names = services.map(({ name, kind, replicas }) => {
    if (kind === "stateful") return resourceName(system, stack, name);
    return resourceName(system, stack, name, ...(kind === "stateless" ? [replicas] : [])) + SUFFIX;
  });
  return names.reduce((longest, name) => (name.length > longest.length ? name : longest), "");
}

/** Name of an image built from this checkout that stays on the engine. */
export const imageName = (system: string, stack: string, image: string): string =>
  `localhost/berth/${system}-${image}:${stack}`;

/** Where an image is pushed. No stack is in it: what stage ran is what prod runs. */
export const repository = (registry: string, system: string, image: string): string => `${registry}/${system}-${image}`;

/**
 * Tag of a pushed image. It is for people: containers run the digest.
 *
 * @param revision Commit of the build context, or what stands for it.
 * @param target Stage of the Dockerfile; a development image must not take the place of the one that is promoted.
 */
export const imageTag = (of: { version: string; revision: string; target: string }): string =>
  [of.version.replaceAll("+", "-"), of.revision, ...(of.target === "runtime" ? [] : [of.target])].join("-");

/** Labels that every container, network and volume carries. */
export function labels(of: {
  system: string;
  stack: string;
  environment: string;
  service: string;
}): Record<string, string> {
  return {
    "berth.environment": of.environment,
    "berth.service": of.service,
    "berth.stack": of.stack,
    "berth.system": of.system,
  };
}
