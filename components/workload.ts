import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { containerArgs } from "../plan/container.ts";
import { FILES } from "../plan/files.ts";
import { resourceName } from "../plan/names.ts";
import type { PlannedService } from "../plan/types.ts";
import { declareFiles, type Files } from "./files.ts";
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
export function declareService(service: PlannedService, shared: Shared, parent: pulumi.Resource): Declared {
  const files = declareFiles(service, shared, parent);
  const count = Array.from({ length: service.replicas }, (_, i) => i + 1);
  const containers = count.map((n) => container(n, service, files, shared, parent));
  return { containers, names: pulumi.all(containers.map(({ name }) => name)) };
}

/** A service that runs on. A job is one container, and needs nothing that groups it. */
export class Workload extends pulumi.ComponentResource implements Declared {
  readonly containers: readonly docker.Container[];
  readonly names: pulumi.Output<string[]>;

  constructor(name: string, service: PlannedService, shared: Shared, opts?: pulumi.ComponentResourceOptions) {
    super("berth:workload:Workload", name, {}, opts);
    const { containers, names } = declareService(service, shared, this);
    this.containers = containers;
    this.names = names;
    this.registerOutputs({});
  }
}

function container(
  n: number,
  service: PlannedService,
  files: Files | undefined,
  shared: Shared,
  parent: pulumi.Resource,
): docker.Container {
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
      parent,
      deleteBeforeReplace: single,
      replaceOnChanges: REPLACE_ON,
      hooks: hooksOf(service, shared),
      // Nothing flows from what must merely be healthy first, nor from the container that carries the files in.
      dependsOn: [
        ...(files ? [files.seed] : []),
        ...service.after.flatMap((other) => [...shared.declared.get(other)!.containers]),
        ...watchedBy(service, shared),
      ],
    },
  );
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
  files: Files | undefined,
  { volumes }: Shared,
): pulumi.Input<pulumi.Input<docker.types.input.ContainerVolume>[]> {
  const bind = ([hostPath, containerPath]: [string, string]) => ({ hostPath, containerPath, readOnly: true });
  return [
    ...(files ? [{ volumeName: files.volume.name, containerPath: FILES, readOnly: true }] : []),
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
