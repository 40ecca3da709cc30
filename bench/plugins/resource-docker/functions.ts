/** The functions of the provider that the program calls. */
import { str } from "../shared/wire.ts";
import type { Props } from "../shared/wire.ts";
import { inspectImage } from "./images.ts";
import { registryDigest } from "./registry.ts";
import { repoDigest } from "./remote-image.ts";

/** What the engine has: nothing is pulled. */
async function getRemoteImage({ name }: Props): Promise<Props> {
  const image = await inspectImage(str(name));
  if (image === undefined) throw new Error(`did not find docker image '${str(name)}'`);
  return { id: image.Id, name: name!, repoDigest: repoDigest(str(name), image) };
}

/** What the registry has: the engine is not asked. */
async function getRegistryImage({ name, insecureSkipVerify = false }: Props): Promise<Props> {
  const digest = await registryDigest(str(name));
  return { id: digest, name: name!, insecureSkipVerify, sha256Digest: digest };
}

const functions: { readonly [token: string]: (args: Props) => Promise<Props> } = {
  "docker:index/getRegistryImage:getRegistryImage": getRegistryImage,
  "docker:index/getRemoteImage:getRemoteImage": getRemoteImage,
};

/** Errors are written as the bridge writes them. */
export async function invoke(token: string, args: Props): Promise<Props> {
  const work = functions[token];
  if (work === undefined)
    throw new Error(
      `the bench stand-in for the docker provider does not implement ${token}; it has ${Object.keys(functions).join(", ")}`,
    );
  try {
    return await work(args);
  } catch (error) {
    throw new Error(`invoking ${token}: 1 error occurred:\n\t* ${(error as Error).message}\n\n`, { cause: error });
  }
}
