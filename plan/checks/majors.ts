/** Major versions of the databases. */
import { type Problem, setCommand } from "../../config/problems.ts";
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

/**
 * Data of one major version is not data of another. That it would not start is found out by a
 * server only when the one before is gone.
 */
export function majorProblems({ on, context: { settings, stack } }: Draft): Problem[] {
  return on.flatMap(({ name, image, major }) => {
    if (major === undefined || !("pull" in image)) return [];
    const [has, wanted] = [settings.majors[major], majorOf(image.pull)];
    if (wanted === has) return [];
    return [
      {
        key: `berth:baseImages.${major}`,
        got: `${image.pull}, ${wanted === undefined ? "whose tag names no version" : `version ${wanted}`}; the data of ${name} is of version ${has} (berth:majors.${major})`,
        allowed:
          wanted === undefined
            ? `a tag that names ${has}, with or without a digest: name:${has}@sha256:…`
            : `another minor version of ${has}, by this line alone`,
        fix: `${settings.baseImages[major] === undefined ? `mend systems/images.ts` : `pulumi config rm --path berth:baseImages.${major} --stack ${stack}`}${
          wanted === undefined
            ? ""
            : `   (to move the data to ${wanted}: bin/backup, bin/down, an empty volume, ${setCommand(`berth:majors.${major}`, wanted, stack)}, bin/up, bin/restore, as in docs/operations.md#another-major-version)`
        }`,
      },
    ];
  });
}
