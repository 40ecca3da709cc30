/** Where each image comes from, settled with every problem before the first resource. */
import * as docker from "@pulumi/docker";
import { type Problem, ProblemsError } from "../config/problems.ts";
import { imageName, imageTag, repository } from "../plan/names.ts";
import type { Plan } from "../plan/types.ts";
import { version } from "./provenance.ts";
import { foldersOf, revisionOf, ShallowError } from "./revision.ts";

export type ImageSource =
  /** Id on the engine, or digest in a registry. */
  | { readonly existing: string }
  /** Name of what is built. */
  | { readonly build: string; readonly push: boolean };

export type ImageSources = Readonly<Record<string, ImageSource>>;

/** @throws {ProblemsError} naming every image that cannot be had, at a preview already. */
export async function imageSources(plan: Plan): Promise<ImageSources> {
  const problems: Problem[] = [];
  const sources = await Promise.all(
    Object.keys(plan.images)
      .sort()
      .map(async (image): Promise<[string, ImageSource]> => {
        const { existing } = plan.images[image]!;
        if (existing === undefined)
          return [image, { build: nameOf(image, plan, problems), push: plan.registry !== undefined }];
        const why = await missing(existing);
        if (why !== undefined)
          problems.push({
            key: `berth:images.${image}`,
            got: `${existing}, ${why}`,
            allowed: "an image that the engine has, or that its registry shows",
            fix: remedy(image, existing, why, plan.stack),
          });
        return [image, { existing }];
      }),
  );
  if (problems.length) throw new ProblemsError(plan.stack, problems);
  return Object.fromEntries(sources);
}

function nameOf(image: string, { registry, system, stack, images }: Plan, problems: Problem[]): string {
  if (registry === undefined) return imageName(system, stack, image);
  const spec = images[image]!;
  try {
    return `${repository(registry, system, image)}:${imageTag({ version: version(), revision: revisionOf(foldersOf(spec)), target: spec.target })}`;
  } catch (error) {
    const isShallow = error instanceof ShallowError;
    // Once is enough, however many images there are.
    if (problems.every(({ key }) => key !== "berth:registry"))
      problems.push({
        key: "berth:registry",
        got: isShallow ? "this clone has not its whole history" : (error as Error).message.split("\n", 1)[0]!,
        allowed: "a whole clone, because a pushed image is named by the last commit of its folder",
        fix: isShallow
          ? "git fetch --unshallow   (with actions/checkout: fetch-depth: 0)"
          : `git -C ${process.cwd()} status   (says what is wrong: another user's checkout, such as git config --global --add safe.directory ${process.cwd()})`,
      });
    return "";
  }
}

/** Why an image cannot be run, or nothing if it can. The engine goes first: a rollback needs no registry. */
async function missing(image: string): Promise<string | undefined> {
  try {
    await docker.getRemoteImage({ name: image });
    return undefined;
  } catch (error) {
    if (!image.includes("@")) return `which the engine does not have: ${said(error)}`;
  }
  try {
    await docker.getRegistryImage({ name: askable(image) });
    return undefined;
  } catch (error) {
    return `which the engine does not have and its registry does not show: ${said(error)}`;
  }
}

function remedy(image: string, existing: string, why: string, stack: string): string {
  const registry = existing.split("/", 1)[0]!;
  if (/40[13]|credentials/.test(why))
    return `docker login ${registry}, and pulumi config set --path 'docker:registryAuth[0].address' ${registry} --stack ${stack}`;
  return `bin/promote <from> ${stack}   (or build it here: pulumi config rm --path berth:images.${image} --stack ${stack})`;
}

/**
 * The registry's look-up takes what stands between the last colon and "@" for a tag, and is lost without one; with one
 * it goes by the digest alone. It also asks docker.io itself, unless Docker Hub is meant by leaving the host out.
 */
export const askable = (image: string): string =>
  (/:[^/@]+@/.test(image) ? image : image.replace("@", ":digest@")).replace(/^docker\.io\//, "");

/** The provider's words, without those around them. */
const said = (error: unknown): string =>
  (error as Error).message.split("* ").at(-1)!.split(" from registry: ").at(-1)!.trim();
