import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { resourceName } from "../plan/names.ts";
import type { ImageRef, Plan } from "../plan/types.ts";
import type { ImageSources } from "./image-sources.ts";

export interface ImagesArgs {
  readonly plan: Plan;
  readonly sources: ImageSources;
}

/** The images that this checkout builds, one multi-stage Dockerfile each, and those that exist already. */
export class Images extends pulumi.ComponentResource {
  readonly digests: Readonly<Record<string, pulumi.Output<string>>>;

  constructor(name: string, args: ImagesArgs, opts?: pulumi.ComponentResourceOptions) {
    super("berth:image:Images", name, {}, opts);
    this.digests = Object.fromEntries(Object.keys(args.plan.images).sort().map((image) => [image, this.#build(image, args)]));
    this.registerOutputs({});
  }

  /** A tag never changes when its content does; the digest does, and so replaces the containers. */
  of(ref: ImageRef): pulumi.Input<string> {
    return "pull" in ref ? ref.pull : this.digests[ref.build]!;
  }

  #build(image: string, { plan, sources }: ImagesArgs): pulumi.Output<string> {
    const source = sources[image]!;
    if ("existing" in source) return pulumi.output(source.existing);
    const { context, target, args } = plan.images[image]!;
    // What is pushed is pushed with the docker client's own log-in (docker login): no password stands in the stack file or in the state.
    return new docker.Image(resourceName(plan.system, plan.stack, image), {
      imageName: source.build, skipPush: !source.push,
      build: {
        context, dockerfile: `${context}/Dockerfile`, target, args: { ...args }, platform: plan.platform,
        builderVersion: docker.BuilderVersion.BuilderBuildKit,
      },
    }, { parent: this }).repoDigest.apply((digest) => {
      // The provider hands out an empty digest when its look-up after the build fails, and "<none>@<none>" when that after the push does.
      if (!(source.push ? /@sha256:[0-9a-f]{64}$/ : /^sha256:[0-9a-f]{64}$/).test(digest))
        throw new pulumi.RunError(`image ${image}: ${source.push ? "pushed, but the registry" : "built, but the engine"} told no digest for it; run pulumi up again`);
      return digest;
    });
  }
}
