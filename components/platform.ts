import * as pulumi from "@pulumi/pulumi";
import type { SecretKey } from "../config/secrets.ts";
import { resourceName } from "../plan/names.ts";
import type { Plan, Tier as TierName } from "../plan/types.ts";
import { lastWords } from "./last-words.ts";
import { rehearsal } from "./rehearsal.ts";
import { schemaVersion } from "./schema-version.ts";
import type { ImageSources } from "./image-sources.ts";
import { Images } from "./images.ts";
import { Networks } from "./networks.ts";
import { Secrets } from "./secrets.ts";
import { type Declared, fill, type Shared } from "./shared.ts";
import { startsInTurns } from "./turns.ts";
import { Tier } from "./tiers.ts";
import { declareService } from "./workload.ts";
import { Volumes } from "./volumes.ts";

export interface PlatformArgs {
  readonly plan: Plan;
  /** Where each image comes from. */
  readonly sources: ImageSources;
  /** Secrets that the stack file holds. */
  readonly secrets: ReadonlyMap<SecretKey, pulumi.Output<string>>;
  readonly secretVersions: Readonly<Record<string, number>>;
  /** Address of the engine, where it is not this machine's. */
  readonly engine: string | undefined;
}

/** One system in one environment: everything that a plan declares, on one engine. */
export class Platform extends pulumi.ComponentResource {
  /** Service → names of its containers. */
  readonly containers: pulumi.Output<Record<string, string[]>>;
  /** Service → digest (or local id) of its image, or the reference it was pulled by. */
  readonly images: pulumi.Output<Record<string, string>>;

  /** Version of the database's schema; undefined where there is none, or nobody could ask. */
  readonly schemaVersion: pulumi.Output<string | undefined>;
  /** What a person logs in with, by service; secret. */
  readonly credentials: pulumi.Output<Record<string, string>>;

  constructor(name: string, args: PlatformArgs, opts?: pulumi.ComponentResourceOptions) {
    super("berth:platform:Platform", name, {}, opts);
    const { plan } = args;
    const named = (part: string) => resourceName(plan.system, plan.stack, part);
    const within = { parent: this };
    const images = new Images(named("images"), { plan, sources: args.sources }, within);
    const shared: Shared = {
      plan,
      images,
      declared: new Map<string, Declared>(),
      engine: args.engine,
      lastWords: lastWords(args.engine),
      turns: startsInTurns(plan.startsAtOnce),
      rehearsal: rehearsal(plan, args.engine),
      networks: new Networks(named("networks"), { plan }, within).networks,
      volumes: new Volumes(named("volumes"), { plan }, within).volumes,
      secrets: new Secrets(named("secrets"), { plan, configured: args.secrets, versions: args.secretVersions }, within),
    };
    const tier = (kind: TierName) => new Tier(named(`${kind}-tier`), { kind }, within);
    const tiers = { data: tier("data"), app: tier("app"), edge: tier("edge"), monitoring: tier("monitoring") };
    for (const service of plan.services)
      // Those it waits for have been declared.
      shared.declared.set(service.name, declareService(service, shared, tiers[service.tier]));

    const names = plan.services.map((service) => service.name).sort();
    this.containers = pulumi.output(
      Object.fromEntries(names.map((service) => [service, shared.declared.get(service)!.names])),
    );
    this.images = pulumi.output(
      Object.fromEntries(plan.services.map((service) => [service.name, images.of(service.image)])),
    );
    this.schemaVersion = schemaVersion(plan.schemaVersion, shared.declared, args.engine);
    this.credentials = pulumi.secret(fill(plan.credentials, shared));
    this.registerOutputs({ containers: this.containers, images: this.images });
  }
}
