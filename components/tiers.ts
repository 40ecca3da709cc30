import * as pulumi from "@pulumi/pulumi";
import { resourceName } from "../plan/names.ts";
import type { PlannedService, Tier as TierName } from "../plan/types.ts";
import type { Declared, Shared } from "./shared.ts";
import { declareService, Workload } from "./workload.ts";

/** A group of services that a person thinks of together. */
abstract class Tier extends pulumi.ComponentResource {
  /** Declares a service; those it waits for must have been declared. */
  declare(service: PlannedService, shared: Shared): Declared {
    const { system, stack } = shared.plan;
    if (service.kind === "job") return declareService(service, shared, this);
    return new Workload(resourceName(system, stack, service.name), service, shared, { parent: this });
  }
}

/** Databases and queues, with the jobs that make their users. */
export class DataTier extends Tier {
  constructor(name: string, opts?: pulumi.ComponentResourceOptions) {
    super("berth:tier:DataTier", name, {}, opts);
    this.registerOutputs({});
  }
}

/** The applications, with migrations and seeds. */
export class AppTier extends Tier {
  constructor(name: string, opts?: pulumi.ComponentResourceOptions) {
    super("berth:tier:AppTier", name, {}, opts);
    this.registerOutputs({});
  }
}

/** What faces the outside, and the job that publishes routes. */
export class EdgeTier extends Tier {
  constructor(name: string, opts?: pulumi.ComponentResourceOptions) {
    super("berth:tier:EdgeTier", name, {}, opts);
    this.registerOutputs({});
  }
}

/** Metrics, logs, traces and alerts. */
export class MonitoringTier extends Tier {
  constructor(name: string, opts?: pulumi.ComponentResourceOptions) {
    super("berth:tier:MonitoringTier", name, {}, opts);
    this.registerOutputs({});
  }
}

export type Tiers = Readonly<Record<TierName, Tier>>;
