/** The way out of a stack, where the network has a proxy or an authority of its own. Pure. */
import type { Settings } from "../config/schema.ts";
import { FILES } from "./files.ts";
import type { ServiceSpec } from "./types.ts";

/** Debian's list of authorities, to which the Dockerfiles add `CA_CERTIFICATES`. */
const BUNDLE = "/etc/ssl/certs/ca-certificates.crt";
const FOLDER = "ca";

/** @param names Services that are reached without it. */
function proxyVariables({ proxy }: Settings, names: readonly string[]): Record<string, string> {
  if (proxy === undefined) return {};
  const { url, none } = proxy;
  return { HTTP_PROXY: url, HTTPS_PROXY: url, NO_PROXY: ["localhost", "127.0.0.1", ...names, ...none].join(",") };
}

/**
 * Arguments of every build. Docker knows those of proxies by itself, and keeps them out of the image. In small letters
 * too: apt and curl know no others. A service gets none of these, because BusyBox's wget, which asks for the health of
 * some, would take its own container for somebody outside.
 */
export const buildArgs = (settings: Settings): Record<string, string> => ({
  ...inBothSpellings(proxyVariables(settings, [])),
  ...(settings.caCertificates === undefined ? {} : { CA_CERTIFICATES: settings.caCertificates }),
});

const inBothSpellings = (variables: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(variables).flatMap(([name, value]) => [name, name.toLowerCase()].map((spelt) => [spelt, value])),
  );

/**
 * What a service is given that calls others outside. An image that is built has the authorities in its list; programs
 * of those that are pulled (Go) look into a folder besides.
 */
export function outside(
  { networks, image }: Pick<ServiceSpec, "networks" | "image">,
  settings: Settings,
  names: readonly string[],
): Pick<ServiceSpec, "config"> & { readonly environment: Record<string, string> } {
  if (!networks.includes("egress")) return { environment: {} };
  const environment = proxyVariables(settings, names);
  const { caCertificates: certificates } = settings;
  if (certificates === undefined) return { environment };
  return "build" in image
    ? { environment: { ...environment, SSL_CERT_FILE: BUNDLE } }
    : {
        environment: { ...environment, SSL_CERT_DIR: `${FILES}/${FOLDER}` },
        config: { [`${FOLDER}/berth.crt`]: certificates },
      };
}
