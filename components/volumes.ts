import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { labelList } from "../plan/container.ts";
import { resourceName } from "../plan/names.ts";
import type { Plan, PlannedService, VolumeMount } from "../plan/types.ts";

/** The volumes that services write. */
export class Volumes extends pulumi.ComponentResource {
  readonly volumes: ReadonlyMap<string, docker.Volume>;

  constructor(name: string, { plan }: { readonly plan: Plan }, opts?: pulumi.ComponentResourceOptions) {
    super("berth:volume:Volumes", name, {}, opts);
    const volumes = new Map<string, docker.Volume>();
    for (const service of plan.services)
      for (const mount of service.volumes ?? [])
        if (!volumes.has(mount.name)) volumes.set(mount.name, this.#volume(mount, service, plan));
    this.volumes = volumes;
    this.registerOutputs({ names: [...volumes.values()].map((volume) => volume.name) });
  }

  #volume(mount: VolumeMount, service: PlannedService, plan: Plan): docker.Volume {
    const logical = resourceName(plan.system, plan.stack, mount.name);
    const keep = mount.keep ?? "scratch";
    const args = { labels: labelList({ ...service.labels, "berth.keep": keep }) };
    return keep === "scratch"
      ? new docker.Volume(logical, args, { parent: this })
      : // A fixed name finds the data again after `down`. The provider adopts an existing volume of that name, and
        // would then replace it (which deletes it) over a differing label: nothing but the name may count.
        new docker.Volume(
          logical,
          { name: logical, ...args, ...onDevice(mount.device) },
          {
            parent: this,
            retainOnDelete: true,
            protect: plan.protectData,
            ignoreChanges: ["labels", "driver", "driverOpts"],
          },
        );
  }
}

/** A folder that is not there (a disk that was not unlocked) makes the container fail, not the database start empty. */
const onDevice = (device: string | undefined): Pick<docker.VolumeArgs, "driver" | "driverOpts"> =>
  device === undefined ? {} : { driver: "local", driverOpts: { type: "none", o: "bind", device } };
