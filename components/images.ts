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

/** Every image that the services run: built from this checkout, or pulled. */
export class Images extends pulumi.ComponentResource {
  readonly #references = new Map<string, pulumi.Output<string>>();

  constructor(name: string, args: ImagesArgs, opts?: pulumi.ComponentResourceOptions) {
    super("berth:image:Images", name, {}, opts);
    const { plan, sources } = args;
    for (const [image, source] of Object.entries(sources).sort())
      this.#references.set(
        image,
        "existing" in source ? this.#pull(source.existing, plan) : this.#build(image, source, plan),
      );
    const pulled = new Set(plan.services.flatMap(({ image }) => ("pull" in image ? [image.pull] : [])));
    for (const reference of [...pulled].sort()) this.#references.set(reference, this.#pull(reference, plan));
    this.registerOutputs({ references: Object.fromEntries(this.#references) });
  }

  /**
   * What a container names. A tag never changes when its content does; the digest does, and so replaces the containers.
   */
  of(ref: ImageRef): pulumi.Output<string> {
    return this.#references.get("pull" in ref ? ref.pull : ref.build)!;
  }

  /**
   * An image that exists. A container would pull it too, but a stateful one only after the old one is gone: an image
   * that cannot be had must fail before that.
   */
  #pull(reference: string, plan: Plan): pulumi.Output<string> {
    const logical = resourceName(plan.system, plan.stack, "image", reference.replaceAll(/[^A-Za-z0-9.]+/g, "-"));
    return new docker.RemoteImage(logical, { name: reference, keepLocally: true }, { parent: this }).name;
  }

  #build(image: string, source: Extract<ImageSource, { build: string }>, plan: Plan): pulumi.Output<string> {
    const spec = plan.images[image]!;
    const { context, dockerfile = `${context}/Dockerfile`, target, args } = spec;
    // What is pushed is pushed with the docker client's own log-in (docker login): no password
    // stands in the stack file or in the state.
    return new docker.Image(
      resourceName(plan.system, plan.stack, image),
      {
        imageName: source.build,
        skipPush: !source.push,
        build: {
          context,
          dockerfile,
          target,
          args: { ...args, ...provenanceOf(spec) },
          platform: plan.platform,
          builderVersion: docker.BuilderVersion.BuilderBuildKit,
        },
      },
      { parent: this },
    ).repoDigest.apply((digest) => {
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
