/** Where a container finds the files that a service is given: one folder, in which no image has anything of its own. */
import type { ServiceSpec, Template } from "./types.ts";

/** The folder, with the configuration at its top. */
export const FILES = "/etc/berth";
const SECRETS = "secrets";

/** Path of a file of `secrets` in the container. */
export const secretPath = (name: string): string => `${FILES}/${SECRETS}/${name}`;

/** Every file of a service, by its path below FILES. */
export const filesOf = ({
  config = {},
  secrets = {},
}: Pick<ServiceSpec, "config" | "secrets">): Readonly<Record<string, Template>> => ({
  ...config,
  ...Object.fromEntries(Object.entries(secrets).map(([name, text]) => [`${SECRETS}/${name}`, text])),
});
