import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { imageName, resourceName } from "../plan/names.ts";
import type { ImageRef, Plan } from "../plan/types.ts";

/** The images that this checkout builds, one multi-stage Dockerfile each. */
export class Images extends pulumi.ComponentResource {
  readonly digests: Readonly<Record<string, pulumi.Output<string>>>;

  constructor(name: string, { plan }: { readonly plan: Plan }, opts?: pulumi.ComponentResourceOptions) {
    super("berth:image:Images", name, {}, opts);
    this.digests = Object.fromEntries(Object.keys(plan.images).sort().map((image) => [image, this.#build(image, plan)]));
    this.registerOutputs({});
  }

  /** A tag never changes when its content does; the digest does, and so replaces the containers. */
  of(ref: ImageRef): pulumi.Input<string> {
    return "pull" in ref ? ref.pull : this.digests[ref.build]!;
  }

  #build(image: string, plan: Plan): pulumi.Output<string> {
    const { context, target, args, existing } = plan.images[image]!;
    if (existing) return pulumi.output(existing);
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
