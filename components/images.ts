import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { imageName, resourceName } from "../plan/names.ts";
import type { ImageRef, Plan } from "../plan/types.ts";

/** Every image that the services run: built from this checkout, one multi-stage Dockerfile each, or pulled. */
export class Images extends pulumi.ComponentResource {
  readonly #references = new Map<string, pulumi.Output<string>>();

  constructor(name: string, { plan }: { readonly plan: Plan }, opts?: pulumi.ComponentResourceOptions) {
    super("berth:image:Images", name, {}, opts);
    for (const image of Object.keys(plan.images).sort()) {
      const { existing } = plan.images[image]!;
      this.#references.set(image, existing === undefined ? this.#build(image, plan) : this.#pull(existing, plan));
    }
    const pulled = new Set(plan.services.flatMap(({ image }) => ("pull" in image ? [image.pull] : [])));
    for (const reference of [...pulled].sort()) this.#references.set(reference, this.#pull(reference, plan));
    this.registerOutputs({});
  }

  /** What a container names. A tag never changes when its content does; the digest does, and so replaces the containers. */
  of(ref: ImageRef): pulumi.Output<string> { return this.#references.get("pull" in ref ? ref.pull : ref.build)!; }

  /**
   * An image that exists. A container would pull it too, but a stateful one only after the old one is gone: an image that
   * cannot be had must fail before that.
   */
  #pull(reference: string, plan: Plan): pulumi.Output<string> {
    const logical = resourceName(plan.system, plan.stack, "image", reference.replaceAll(/[^A-Za-z0-9.]+/g, "-"));
    return new docker.RemoteImage(logical, { name: reference, keepLocally: true }, { parent: this }).name;
  }

  #build(image: string, plan: Plan): pulumi.Output<string> {
    const { context, target, args } = plan.images[image]!;
    return new docker.Image(resourceName(plan.system, plan.stack, image), {
      imageName: imageName(plan.system, plan.stack, image), skipPush: true,
      build: {
        context, dockerfile: `${context}/Dockerfile`, target, args: { ...args }, platform: plan.platform,
        builderVersion: docker.BuilderVersion.BuilderBuildKit,
      },
    }, { parent: this }).repoDigest.apply((digest) => {
      // The provider hands out an empty digest when its look-up after the build fails.
      if (!/sha256:[0-9a-f]{64}$/.test(digest)) throw new pulumi.RunError(`image ${image}: built, but the engine knows no digest for it; run pulumi up again`);
      return digest;
    });
  }
}
