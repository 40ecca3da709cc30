import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { containerArgs } from "../plan/container.ts";
import { resourceName } from "../plan/names.ts";
import type { PlannedService } from "../plan/types.ts";
import { Files } from "./files.ts";
import type { Declared, Shared } from "./shared.ts";
import { steady } from "./steady.ts";

/**
 * The provider accepts changes of these and does nothing (docs/provider.md 3.1); a
 * failed start must be tried afresh (A19).
 */
const REPLACE_ON = ["#initerror", "healthcheck", "tmpfs", "init"];

/**
 * The containers of one service, with the files they read.
 *
 * stateless: as many as asked for; every new one is healthy before an old one is stopped.
 * stateful: one; the old one stops, in its own time, before the new one starts.
 * job: one, whose health is its success, so that its failure fails the update; the next release makes a new one.
 */
export class Workload extends pulumi.ComponentResource implements Declared {
  readonly containers: readonly docker.Container[];
  readonly names: pulumi.Output<string[]>;

  constructor(name: string, service: PlannedService, shared: Shared, opts?: pulumi.ComponentResourceOptions) {
    super(`berth:workload:${service.kind === "job" ? "Job" : "Workload"}`, name, {}, opts);
    const files = this.#files(service, shared);
    const count = Array.from({ length: service.replicas }, (_, i) => i + 1);
    this.containers = count.map((n) => this.#container(n, service, files, shared));
    this.names = pulumi.all(this.containers.map((container) => container.name));
    this.registerOutputs({});
  }

  #files(service: PlannedService, shared: Shared): Map<string, Files> {
    const sets = {
      config: service.config,
      secrets: service.secrets && { path: "/run/secrets", files: service.secrets },
    };
    return new Map(
      Object.entries(sets).flatMap(([kind, files]) =>
        files === undefined
          ? []
          : [
              [
                files.path,
                new Files(
                  resourceName(shared.plan.system, shared.plan.stack, service.name, kind),
                  { service, kind, files },
                  shared,
                  { parent: this },
                ),
              ],
            ],
      ),
    );
  }

  #container(n: number, service: PlannedService, files: Map<string, Files>, shared: Shared): docker.Container {
    const { plan } = shared;
    const single = service.kind === "stateful";
    const name = resourceName(plan.system, plan.stack, service.name, ...(service.kind === "stateless" ? [n] : []));
    return new docker.Container(
      name,
      {
        ...(single ? { name } : {}),
        image: shared.images.of(service.image),
        ...containerArgs(service, plan),
        ...networksOf(service, shared),
        volumes: volumesOf(service, files, shared),
      },
      {
        parent: this,
        deleteBeforeReplace: single,
        replaceOnChanges: REPLACE_ON,
        hooks: hooksOf(service, shared),
        // Nothing flows from what must merely be healthy first, nor from the containers that carry the files in.
        dependsOn: [
          ...[...files.values()].map((set) => set.seed),
          ...service.after.flatMap((other) => [...shared.declared.get(other)!.containers]),
          ...watchedBy(service, shared),
        ],
      },
    );
  }
}

/** Applications start in turns: what else starts costs little, and others wait for it. */
function hooksOf({ kind, tier }: PlannedService, { lastWords, turns }: Shared): pulumi.ResourceHookBinding {
  const inTurn = kind === "stateless" && tier === "app" ? turns : {};
  return { ...inTurn, onError: [lastWords, ...(inTurn.onError ?? [])] };
}

/** What is known when the containers that a service watches are steady. */
function watchedBy(
  { watches, waitTimeout }: PlannedService,
  { declared, engine }: Shared,
): pulumi.Output<docker.Container>[] {
  if (watches === undefined) return [];
  const containers = watches.services.flatMap((name) => [...declared.get(name)!.containers]);
  return [steady(containers, { seconds: watches.seconds, patience: waitTimeout }, engine)];
}

function networksOf(
  service: PlannedService,
  { networks }: Shared,
): Pick<docker.ContainerArgs, "networkMode" | "networksAdvanced"> {
  if (service.networks.length === 0) return { networkMode: "none" };
  return {
    networksAdvanced: [...service.networks]
      .sort()
      .map((network) => ({ name: networks.get(network)!.name, aliases: [service.name] })),
  };
}

function volumesOf(
  service: PlannedService,
  files: Map<string, Files>,
  { volumes }: Shared,
): pulumi.Input<pulumi.Input<docker.types.input.ContainerVolume>[]> {
  const bind = ([hostPath, containerPath]: [string, string]) => ({ hostPath, containerPath, readOnly: true });
  return [
    ...[...files].map(([containerPath, set]) => ({ volumeName: set.volumeName, containerPath, readOnly: true })),
    ...(service.volumes ?? []).map(({ name, path, readOnly = false }) => ({
      volumeName: volumes.get(name)!.name,
      containerPath: path,
      readOnly,
    })),
    ...Object.entries(service.hostMounts ?? {}).map(bind),
    // A bind mount wants an absolute path on the engine's machine: in development that is this one.
    ...Object.entries(service.sources).map(([from, to]) => bind([`${process.cwd()}/${from}`, to])),
  ];
}
