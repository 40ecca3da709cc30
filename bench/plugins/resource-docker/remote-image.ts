/**
 * docker:index/remoteImage:RemoteImage, for images that exist somewhere already.
 * Its `build` is left to the real provider.
 */
import { planned } from "../shared/resource.ts";
import type { Resource, Subject } from "../shared/resource.ts";
import { difference } from "../shared/difference.ts";
import { bare, bool, check, map, set, text } from "../shared/table.ts";
import type { Table } from "../shared/table.ts";
import { str } from "../shared/wire.ts";
import type { Props } from "../shared/wire.ts";
import { findOrPull, inspectImage, removeImage } from "./images.ts";
import type { ImageInspection } from "./images.ts";

const R = { replace: true } as const;

const table: Table = {
  name: text({ required: true, ...R }),
  platform: text({ ...R, fallback: "" }),
  pullTriggers: set(R),
  triggers: map(R),
  keepLocally: bool(),
  forceRemove: bool(),
  imageId: text({ output: true }),
  repoDigest: text({ output: true }),
};

/** The digest that belongs to the repository of the name, and the first one otherwise. */
export function repoDigest(name: string, { RepoDigests: digests }: ImageInspection): string {
  const repository = name.split("@")[0]!.replace(/:[^/:]+$/, "");
  return (digests ?? []).find((digest) => digest.startsWith(`${repository}@`)) ?? digests?.[0] ?? "";
}

const outputsOf = (name: string, image: ImageInspection, before: Props): Props => ({
  ...before,
  imageId: image.Id,
  repoDigest: repoDigest(name, image),
});

/** The id is the image's and the name's in one: the real provider's way. */
async function pulled(inputs: Props, subject: Subject): Promise<{ id: string; outputs: Props }> {
  const name = str(inputs["name"]);
  const image = await findOrPull(name, subject, str(inputs["platform"] ?? "")).catch((error: Error) =>
    Promise.reject(new Error(`Unable to read Docker image into resource: ${error.message}`)),
  );
  return { id: image.Id + name, outputs: outputsOf(name, image, bare(inputs) as Props) };
}

export const remoteImage: Resource = {
  table,
  check(args) {
    const { inputs, failures } = check(table, args.news);
    const build =
      args.news["build"] === undefined
        ? []
        : [{ property: "build", reason: "the bench stand-in does not implement RemoteImage.build" }];
    return { inputs, failures: [...build, ...failures] };
  },
  diff: ({ olds, news, ignored }) => ({ changes: difference(table, olds, news, ignored), deleteFirst: false }),
  create: async (args) => (args.preview ? { id: "", outputs: planned(table, args.inputs) } : pulled(args.inputs, args)),
  async read({ id, inputs, outputs }) {
    const name = str(outputs["name"] ?? id);
    const image = await inspectImage(name);
    return image && { id: image.Id + name, inputs, outputs: outputsOf(name, image, outputs) };
  },
  async update(args) {
    return args.preview ? planned(table, args.inputs, args.olds) : (await pulled(args.inputs, args)).outputs;
  },
  async delete({ outputs }) {
    const name = str(outputs["name"]);
    if (outputs["keepLocally"] === true || (await inspectImage(name)) === undefined) return;
    await removeImage(name, outputs["forceRemove"] === true).catch((error: Error) =>
      Promise.reject(new Error(`Unable to remove Docker image: ${error.message}`)),
    );
  },
};
