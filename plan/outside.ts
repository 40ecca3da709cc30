/** The way out of a stack, where the network has a proxy or an authority of its own. Pure. */
import type { Settings } from "../config/schema.ts";
import { FILES } from "./files.ts";
import type { ServiceSpec } from "./types.ts";

/** Debian's list of authorities, to which the Dockerfiles add `CA_CERTIFICATES`. */
const BUNDLE = "/etc/ssl/certs/ca-certificates.crt";
const FOLDER = "ca";

/**
 * In both spellings: apt and curl know the small one alone, others the large one.
 * @param names Services that are reached without it.
 */
function proxyVariables({ proxy }: Settings, names: readonly string[]): Record<string, string> {
  if (proxy === undefined) return {};
  const { url, none } = proxy;
  const all = { HTTP_PROXY: url, HTTPS_PROXY: url, NO_PROXY: ["localhost", "127.0.0.1", ...names, ...none].join(",") };
  return Object.fromEntries(
    Object.entries(all).flatMap(([name, value]) => [name, name.toLowerCase()].map((spelt) => [spelt, value])),
  );
}

/** Arguments of every build. Docker knows those of proxies by itself, and keeps them out of the image. */
export const buildArgs = (settings: Settings): Record<string, string> => ({
  ...proxyVariables(settings, []),
  ...(settings.caCertificates === undefined ? {} : { CA_CERTIFICATES: settings.caCertificates }),
});

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
