/** A registry's HTTP interface, as much of it as it takes to find a digest. */
import { registryOf, registryAccess } from "./host.ts";
import type { Access } from "./host.ts";

const ACCEPT = [
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.oci.image.index.v1+json",
].join(", ");

export interface Name {
  readonly registry: string;
  readonly repository: string;
  /** Or a digest. */
  readonly tag: string;
}

/**
 * The real provider's reading of a name: what follows the first colon behind the registry is the tag, and a digest in
 * it wins. So `repository@sha256:…` without a tag is read wrong, and not found.
 */
export function parseName(name: string): Name {
  const slash = name.indexOf("/");
  const slashes = name.split("/").length - 1;
  const first = name.slice(0, Math.max(slash, 0));
  const registry = slashes > 1 || /[.:]/.test(first) || first === "localhost" ? first : "";
  const colon = name.indexOf(":", registry.length);
  const [repository, tag] =
    colon === -1
      ? [name, "latest"]
      : [
          name.slice(0, colon),
          name
            .slice(colon + 1)
            .split("@")
            .at(-1)!,
        ];
  if (registry !== "") return { registry, repository: repository.replace(`${registry}/`, ""), tag };
  return {
    registry: registryOf("any"),
    repository: repository.includes("/") ? repository : `library/${repository}`,
    tag,
  };
}

const basic = ({ username, password }: Access): { authorization?: string } =>
  username === "" ? {} : { authorization: `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}` };

/** A registry that wants a token says where to get one. */
async function token(challenge: string, repository: string, access: Access): Promise<string> {
  const asked = Object.fromEntries([...challenge.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key!, value!]));
  if (!challenge.startsWith("Bearer") || asked["realm"] === undefined)
    throw new Error("bad credentials: 401 Unauthorized");
  const query = new URLSearchParams({
    service: asked["service"] ?? "",
    scope: asked["scope"] ?? `repository:${repository}:push,pull`,
  });
  const answer = await fetch(`${asked["realm"]}?${query.toString()}`, { headers: basic(access) });
  if (!answer.ok) throw new Error(`got bad response from registry: ${answer.status} ${answer.statusText}`);
  const { token: first, access_token: second } = (await answer.json()) as { token?: string; access_token?: string };
  return first ?? second ?? "";
}

/** @throws {Error} with the real provider's words. */
export async function registryDigest(name: string): Promise<string> {
  const { registry, repository, tag } = parseName(name);
  const access = registryAccess(registry);
  const ask = (headers: { authorization?: string }): Promise<Response> =>
    fetch(`${access.address}/v2/${repository}/manifests/${tag}`, {
      method: "HEAD",
      headers: { accept: ACCEPT, ...headers },
    });
  try {
    let answer = await ask(basic(access));
    if (answer.status === 401)
      answer = await ask({
        authorization: `Bearer ${await token(answer.headers.get("www-authenticate") ?? "", repository, access)}`,
      });
    if (!answer.ok) throw new Error(`got bad response from registry: ${answer.status} ${answer.statusText}`);
    return answer.headers.get("docker-content-digest") ?? tag;
  } catch (error) {
    const { message, cause } = error as Error;
    const said = message === "fetch failed" ? `Error during registry request: ${(cause as Error).message}` : message;
    throw new Error(`Got error when attempting to fetch image version ${repository}:${tag} from registry: ${said}`, {
      cause: error,
    });
  }
}
