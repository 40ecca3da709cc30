import { type Rule, type Violation } from "../rule.ts";

const DIGEST = /(^|@)sha256:[0-9a-f]{64}$/;
/** After the last slash: a colon before it is a registry's port. */
const TAG = /:([^/:]+)$/;

function unpinned(reference: string): readonly Violation[] {
  const tag = TAG.exec(reference)?.[1];
  return DIGEST.test(reference) || (tag && !/\blatest\b/.test(tag))
    ? []
    : [
        {
          wrong: "the image can change by itself",
          got: `"${reference}" ${tag ? "moves" : "has no tag, which means latest"}`,
          allowed: "a tag other than latest, or a digest (@sha256:...)",
          fix: "name a version where systems/ names the image, or in berth:baseImages of the stack file",
        },
      ];
}

export const pinnedImage: Rule = {
  name: "pinned-image",
  description: "Every image that is run or built upon has a tag that names a version, or a digest.",
  container: ({ image }) => unpinned(image),
  // The Dockerfiles take the image they build upon as an argument.
  image: ({ build }) =>
    Object.entries(build?.args ?? {})
      .filter(([name]) => name.endsWith("_IMAGE"))
      .flatMap(([, image]) => unpinned(image)),
};
