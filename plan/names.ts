/** The one place that makes names. Networks and containers of two stacks on one engine never meet. */

/** Prefix of everything that belongs to a stack: `assistant-dev`. */
export const prefix = (system: string, stack: string): string => `${system}-${stack}`;

/** Logical name of a resource, from which the provider makes the engine's name. */
export const resourceName = (system: string, stack: string, ...parts: (string | number)[]): string =>
  [prefix(system, stack), ...parts].join("-");

/** Tag of an image built from this checkout; local unless a registry is configured. */
export const imageName = (system: string, stack: string, image: string): string =>
  `localhost/berth/${system}-${image}:${stack}`;

/** Labels that every container, network and volume carries. */
export function labels(of: { system: string; stack: string; environment: string; service: string }): Record<string, string> {
  return {
    "berth.environment": of.environment, "berth.service": of.service,
    "berth.stack": of.stack, "berth.system": of.system,
  };
}
