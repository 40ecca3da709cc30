import * as pulumi from "@pulumi/pulumi";
import type { Tier as TierName } from "../plan/types.ts";

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
}
