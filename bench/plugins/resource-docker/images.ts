/** Finding an image: what the engine has, else a pull. */
import { str } from "../shared/wire.ts";
import type { Subject } from "../shared/resource.ts";
import { docker, pullAuth } from "./host.ts";

export interface ImageInspection {
  readonly Id: string;
  readonly RepoDigests: string[] | null;
  readonly RepoTags: string[] | null;
}

const imagePath = (reference: string): string => `/images/${reference.split("/").map(encodeURIComponent).join("/")}`;

export const inspectImage = (reference: string): Promise<ImageInspection | undefined> =>
  docker().find<ImageInspection>(`${imagePath(reference)}/json`);

export const removeImage = (reference: string, force: boolean): Promise<unknown> =>
  docker().call("DELETE", imagePath(reference), { query: { force } });

/** A reference without a tag or digest would pull every tag. */
function pullQuery(
  reference: string,
  platform: string | undefined,
): { fromImage: string; tag?: string; platform?: string } {
  const [name, digest] = reference.split("@");
  const colon = name!.lastIndexOf(":");
  const tagged = colon > name!.lastIndexOf("/");
  const tag = digest ?? (tagged ? name!.slice(colon + 1) : "latest");
  return { fromImage: tagged ? name!.slice(0, colon) : name!, tag, ...(platform && { platform }) };
}

export async function findOrPull(reference: string, subject: Subject, platform?: string): Promise<ImageInspection> {
  const local = await inspectImage(reference);
  if (local !== undefined) return local;
  try {
    await docker().stream(
      "POST",
      "/images/create",
      { query: pullQuery(reference, platform), headers: pullAuth(reference) },
      ({ status, id }) => status !== undefined && subject.status([id, status].filter(Boolean).join(": ")),
    );
  } catch (error) {
    throw new Error(`unable to pull image ${reference}: ${error instanceof Error ? error.message : str(error)}`);
  }
  const pulled = await inspectImage(reference);
  if (pulled === undefined) throw new Error(`unable to find or pull image ${reference}`);
  return pulled;
}

/** The reference itself, once it is sure that the engine has it. */
export async function requireImage(reference: string, subject: Subject): Promise<string> {
  try {
    await findOrPull(reference, subject);
  } catch (error) {
    throw new Error(
      `Unable to create container with image ${reference}: ${error instanceof Error ? error.message : str(error)}`,
    );
  }
  return reference;
}
