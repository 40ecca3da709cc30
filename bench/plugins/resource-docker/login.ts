/**
 * The docker client's own log-in, as `docker login` leaves it: in its configuration
 * file, or with a helper that the file names.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

export interface Login {
  readonly username: string;
  readonly password: string;
}

interface ConfigFile {
  readonly auths?: { readonly [registry: string]: { readonly auth?: string } };
  readonly credsStore?: string;
  readonly credHelpers?: { readonly [registry: string]: string };
}

export function configFile(): string {
  const given = process.env["DOCKER_CONFIG"];
  if (!given) return join(homedir(), ".docker/config.json");
  return existsSync(given) && statSync(given).isDirectory() ? join(given, "config.json") : given;
}

/** Docker Hub's log-in stands under its first address. */
const keysOf = (registry: string): string[] =>
  /^(registry-1\.|index\.)?docker\.io$/.test(registry)
    ? ["https://index.docker.io/v1/", registry]
    : [registry, `https://${registry}`, `http://${registry}`];

function ask(helper: string, registry: string): Login | undefined {
  try {
    const told = execFileSync(`docker-credential-${helper}`, ["get"], {
      input: registry,
      encoding: "utf8",
      stdio: ["pipe", "pipe", "ignore"],
    });
    const { Username, Secret } = JSON.parse(told) as { Username: string; Secret: string };
    return { username: Username, password: Secret };
  } catch {
    return undefined;
  }
}

/** @param content The text of a configuration file. */
export function loginIn(content: string, registry: string): Login | undefined {
  const { auths = {}, credsStore, credHelpers = {} } = JSON.parse(content) as ConfigFile;
  for (const key of keysOf(registry)) {
    const helper = credHelpers[key] ?? credsStore;
    const asked = helper && ask(helper, key);
    if (asked) return asked;
    const auth = auths[key]?.auth;
    if (auth) {
      const [username, ...password] = Buffer.from(auth, "base64").toString("utf8").split(":");
      return { username: username!, password: password.join(":") };
    }
  }
  return undefined;
}

/** Nothing where nobody logged in: many registries let anyone read. */
export const loginOf = (registry: string): Login | undefined =>
  existsSync(configFile()) ? loginIn(readFileSync(configFile(), "utf8"), registry) : undefined;
