/** The one engine and the registry credentials of this provider process, set when the CLI configures it. */
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { Engine } from "./engine.ts";
import { configFile, loginIn } from "./login.ts";
import type { Login } from "./login.ts";
import { isObject, str } from "../shared/wire.ts";
import type { Json, Props } from "../shared/wire.ts";

/** How to speak to a registry. */
export interface Access extends Login {
  /** With its protocol: https unless `registryAuth` says http. */
  readonly address: string;
}

let engine: Engine | undefined;
let apiVersion = "";
let registries: ReadonlyMap<string, Access> = new Map();

/**
 * An entry without a user name takes the docker client's log-in; with `authDisabled` the real provider makes one up.
 */
function accessOf(entry: Props): [string, Access] {
  const given = str(entry["address"]);
  const registry = given.replace(/^https?:\/\//, "").split("/")[0]!;
  const address = `${given.startsWith("http://") ? "http" : "https"}://${registry}`;
  const text = (key: string, fallback = ""): string => (typeof entry[key] === "string" ? entry[key] : fallback);
  if (entry["authDisabled"] === true) return [registry, { address, username: "username", password: "password" }];
  const username = text("username", process.env["DOCKER_REGISTRY_USER"]);
  if (username !== "")
    return [registry, { address, username, password: text("password", process.env["DOCKER_REGISTRY_PASS"]) }];
  const file = text("configFile", configFile()).replace(/^~(?=\/)/, homedir());
  if (!text("configFileContent") && !existsSync(file))
    throw new Error(`Error loading registry auth config: could not open config file from filePath: ${file}`);
  return [
    registry,
    {
      address,
      ...(loginIn(text("configFileContent") || readFileSync(file, "utf8"), registry) ?? { username: "", password: "" }),
    },
  ];
}

/** Lists arrive as JSON text: provider configuration only has text values. */
function parsed(value: Json | undefined): Json | undefined {
  if (typeof value !== "string" || !/^[[{]/.test(value)) return value;
  return JSON.parse(value) as Json;
}

/** The real provider pings the engine here, so an unreachable one fails the preview already (section 5). */
export async function configure(config: Props): Promise<void> {
  const host = (config["host"] as string | undefined) || process.env["DOCKER_HOST"] || undefined;
  engine = new Engine(host);
  registries = new Map([parsed(config["registryAuth"]) ?? []].flat<Json[]>().filter(isObject).map(accessOf));
  try {
    const { ApiVersion } = await engine.call<{ ApiVersion: string }>("GET", "/version");
    apiVersion = ApiVersion;
  } catch (error) {
    throw new Error(`failed to connect to any docker daemon: ${error instanceof Error ? error.message : str(error)}`);
  }
}

/** Is the engine's interface at least of this minor version (of 1)? */
export const speaks = (minor: number): boolean => Number(apiVersion.split(".")[1] ?? 0) >= minor;

export function docker(): Engine {
  if (engine === undefined) throw new Error("the provider is not configured");
  return engine;
}

/** The registry part of an image reference; without one it is Docker's own. */
export function registryOf(reference: string): string {
  const first = reference.split("/", 1)[0]!;
  return reference.includes("/") && (/[.:]/.test(first) || first === "localhost") ? first : "registry-1.docker.io";
}

export function authHeader(credentials: { username: string; password: string; serveraddress: string } | undefined): {
  [name: string]: string;
} {
  return { "x-registry-auth": Buffer.from(JSON.stringify(credentials ?? {})).toString("base64url") };
}

/** From the provider's `registryAuth`; without an entry anyone's. */
export const registryAccess = (registry: string): Access =>
  registries.get(registry) ?? { address: `https://${registry}`, username: "", password: "" };

/** Credentials for a pull. */
export function pullAuth(reference: string): { [name: string]: string } {
  const registry = registryOf(reference);
  const found = registries.get(registry);
  return authHeader(found && { username: found.username, password: found.password, serveraddress: registry });
}
