import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { resourceName } from "../plan/names.ts";
import type { ImageRef, Plan } from "../plan/types.ts";
import type { ImageSource, ImageSources } from "./image-sources.ts";
import { provenanceOf } from "./provenance.ts";

export interface ImagesArgs {
  readonly plan: Plan;
  readonly sources: ImageSources;
}

/**
 * Every image that the services run. What exists, the containers pull by themselves, those that only carry files first;
 * before a single container stops, its rehearsal has pulled (docs/decisions/0008-images-first.md).
 */
export class Images extends pulumi.ComponentResource {
  readonly #references = new Map<string, pulumi.Output<string>>();
  readonly #built: docker.Image[] = [];
  /** What every container waits for, besides its own image. */
  readonly first: readonly docker.Image[];

  constructor(name: string, args: ImagesArgs, opts?: pulumi.ComponentResourceOptions) {
    super("berth:image:Images", name, {}, opts);
    const { plan, sources } = args;
    for (const [image, source] of Object.entries(sources).sort())
      this.#references.set(
        image,
        "existing" in source ? pulumi.output(source.existing) : this.#build(image, source, plan),
      );
    this.first = plan.buildsInTurn ? this.#built : [];
    this.registerOutputs({ references: Object.fromEntries(this.#references) });
  }

  /**
   * What a container names. A tag never changes when its content does; the digest does, and so replaces the containers.
   */
  of(ref: ImageRef): pulumi.Output<string> {
    return "pull" in ref ? pulumi.output(ref.pull) : this.#references.get(ref.build)!;
  }

  #build(image: string, source: Extract<ImageSource, { build: string }>, plan: Plan): pulumi.Output<string> {
    const spec = plan.images[image]!;
    const { context, dockerfile = `${context}/Dockerfile`, target, args } = spec;
    // What is pushed is pushed with the docker client's own log-in (docker login): no password
    // stands in the stack file or in the state.
    const made = new docker.Image(
      resourceName(plan.system, plan.stack, image),
      {
        imageName: source.build,
        skipPush: !source.push,
        build: {
          context,
          dockerfile,
          target,
          args: { ...args, ...plan.buildArgs, ...provenanceOf(spec) },
          platform: plan.platform,
          builderVersion: docker.BuilderVersion.BuilderBuildKit,
        },
      },
      { parent: this, dependsOn: plan.buildsInTurn ? this.#built.slice(-1) : [] },
    );
    this.#built.push(made);
    return made.repoDigest.apply((digest) => {
      // The provider hands out an empty digest when its look-up after the build fails, and
      // "<none>@<none>" when that after the push does.
      if (!(source.push ? /@sha256:[0-9a-f]{64}$/ : /^sha256:[0-9a-f]{64}$/).test(digest))
        throw new pulumi.RunError(
          `image ${image}: ${source.push ? "pushed, but the registry" : "built, but the engine"} told no digest for it; run pulumi up again`,
        );
      return digest;
    });
  }
}
