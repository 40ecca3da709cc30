import * as pulumi from "@pulumi/pulumi";
import { resourceName } from "../plan/names.ts";
import type { PlannedService, Tier as TierName } from "../plan/types.ts";
import type { Declared, Shared } from "./shared.ts";
import { declareService, Workload } from "./workload.ts";

const TYPES: Readonly<Record<TierName, string>> = {
  data: "berth:tier:DataTier",
  app: "berth:tier:AppTier",
  edge: "berth:tier:EdgeTier",
  monitoring: "berth:tier:MonitoringTier",
};

/** A group of services that a person thinks of together. */
export class Tier extends pulumi.ComponentResource {
  constructor(name: string, { kind }: { readonly kind: TierName }, opts?: pulumi.ComponentResourceOptions) {
    super(TYPES[kind], name, {}, opts);
  }

  /** Declares a service; those it waits for must have been declared. */
  declare(service: PlannedService, shared: Shared): Declared {
    const { system, stack } = shared.plan;
    if (service.kind === "job") return declareService(service, shared, this);
    return new Workload(resourceName(system, stack, service.name), service, shared, { parent: this });
  }
}
