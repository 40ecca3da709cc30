/** The one engine and the registry credentials of this provider process, set when the CLI configures it. */
import { Engine } from "./engine.ts";
import { isObject, str } from "../shared/wire.ts";
import type { Json, Props } from "../shared/wire.ts";

interface Credentials {
  readonly address: string;
  readonly username: string;
  readonly password: string;
}

let engine: Engine | undefined;
let apiVersion = "";
let registries: readonly Credentials[] = [];

/** Lists arrive as JSON text: provider configuration only has text values. */
function parsed(value: Json | undefined): Json | undefined {
  if (typeof value !== "string" || !/^[[{]/.test(value)) return value;
  return JSON.parse(value) as Json;
}

/** The real provider pings the engine here, so an unreachable one fails the preview already (section 5). */
export async function configure(config: Props): Promise<void> {
  const host = (config["host"] as string | undefined) || process.env["DOCKER_HOST"] || undefined;
  engine = new Engine(host);
  registries = [parsed(config["registryAuth"]) ?? []].flat<Json[]>().filter(isObject).map((entry) => ({
    address: str(entry["address"]).replace(/^https?:\/\//, ""),
    username: str(entry["username"] ?? ""),
    password: str(entry["password"] ?? ""),
  }));
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

export function authHeader(credentials: { username: string; password: string; serveraddress: string } | undefined): { [name: string]: string } {
  return { "x-registry-auth": Buffer.from(JSON.stringify(credentials ?? {})).toString("base64url") };
}

/** Credentials for a pull, from the provider's `registryAuth`. */
export function pullAuth(reference: string): { [name: string]: string } {
  const registry = registryOf(reference);
  const found = registries.find(({ address }) => address === registry);
  return authHeader(found && { username: found.username, password: found.password, serveraddress: registry });
}
