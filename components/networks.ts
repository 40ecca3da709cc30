import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { labelList } from "../plan/container.ts";
import { labels, resourceName } from "../plan/names.ts";
import { partOf } from "../plan/subnets.ts";
import type { NetworkName, Plan } from "../plan/types.ts";

/** From these a container reaches beyond the engine, and ports can be published. */
const OPEN: readonly NetworkName[] = ["edge", "egress"];

/** The stack's networks; none is shared with another stack. */
export class Networks extends pulumi.ComponentResource {
  readonly networks: ReadonlyMap<NetworkName, docker.Network>;

  constructor(name: string, { plan }: { readonly plan: Plan }, opts?: pulumi.ComponentResourceOptions) {
    super("berth:network:Networks", name, {}, opts);
    this.networks = new Map(plan.networks.map((network) => [network, this.#network(network, plan)]));
    this.registerOutputs({ names: [...this.networks.values()].map((network) => network.name) });
  }

  #network(network: NetworkName, plan: Plan): docker.Network {
    return new docker.Network(
      resourceName(plan.system, plan.stack, network),
      {
        driver: "bridge",
        internal: !OPEN.includes(network),
        ...(plan.subnet === undefined ? {} : { ipamConfigs: [partOf(plan.subnet, network)] }),
        labels: labelList(labels({ ...plan, service: `network-${network}` })),
      },
      { parent: this },
    );
  }
}
