/** Major versions of the stores. */
import { type Problem, setCommand } from "../../config/problems.ts";
import type { ImageRef, System } from "../types.ts";
import type { Draft } from "./draft.ts";

/**
 * Major version that a reference names: what follows `pg` in its tag (pgvector's way), otherwise the
 * number it begins with. A digest says nothing.
 */
export function majorOf(reference: string): number | undefined {
  const tag = /:([^/:]+)$/.exec(reference.split("@", 1)[0]!)?.[1] ?? "";
  const found = /(?:^|-)pg(\d+)/.exec(tag) ?? /^v?(\d+)(?![\da-z])/.exec(tag);
  return found ? Number(found[1]) : undefined;
}

/** Image of a store's server: what is pulled, or what the image that is built takes it from. */
const referenceOf = (store: string, image: ImageRef | undefined, { images }: System): string | undefined =>
  image === undefined || "pull" in image ? image?.pull : images[image.build]?.args[`${store.toUpperCase()}_IMAGE`];

/**
 * A server cannot read the data of another major version, and notices only after the server before it has stopped.
 */
export function majorProblems({ system, on, context: { settings, stack } }: Draft): Problem[] {
  return (system.stores ?? []).flatMap(({ name, major: has }) => {
    const reference = referenceOf(name, on.find((service) => service.name === name)?.image, system);
    if (reference === undefined) return [];
    const wanted = majorOf(reference);
    if (wanted === has) return [];
    return [
      {
        key: `berth:baseImages.${name}`,
        got: `${reference}, ${wanted === undefined ? "whose tag names no version" : `version ${wanted}`}; the data of ${name} is of version ${has} (berth:majors.${name})`,
        allowed:
          wanted === undefined
            ? `a tag that names ${has}, with or without a digest: name:${has}@sha256:…`
            : `another minor version of ${has}, by this line alone`,
        fix: `${settings.baseImages[name] === undefined ? `mend the image in systems/stores/${name}.ts` : `pulumi config rm --path berth:baseImages.${name} --stack ${stack}`}${
          wanted === undefined
            ? ""
            : `   (to move the data to ${wanted}: bin/backup, bin/down, an empty volume, ${setCommand(`berth:majors.${name}`, wanted, stack)}, bin/up, bin/restore, as in docs/operations.md#another-major-version)`
        }`,
      },
    ];
  });
}
