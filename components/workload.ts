import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { containerArgs, ENGINES_OWN } from "../plan/container.ts";
import { FILES } from "../plan/files.ts";
import { resourceName } from "../plan/names.ts";
import { tried } from "../plan/rehearsal.ts";
import type { PlannedService } from "../plan/types.ts";
import { declareFiles } from "./files.ts";
import type { Declared, Files, Shared } from "./shared.ts";
import { steady } from "./steady.ts";

/**
 * The provider accepts changes of these and does nothing (docs/provider.md 3.1); a
 * failed start must be tried afresh (A19).
 */
const REPLACE_ON = ["#initerror", "healthcheck", "tmpfs", "init"];
/** Set in place, a limit that is too small would end all containers of a service at once. */
const REPLICAS_REPLACE_ON = [...REPLACE_ON, "memory", "memorySwap"];

/**
 * The containers of one service, with the files they read.
 *
 * stateless: as many as asked for; every new one is healthy before an old one is stopped.
 * stateful: one; the old one stops, in its own time, before the new one starts. Before that, what would replace it is
 * tried beside it (components/rehearsal.ts).
 * job: one, whose health is its success, so that its failure fails the update; the next release makes a new one.
 */
export function declareService(service: PlannedService, shared: Shared, tier: pulumi.Resource): Declared {
  const { kind, replicas } = service;
  const name = resourceName(shared.plan.system, shared.plan.stack, service.name);
  const single = kind === "stateful";
  // Not inside the workload: a rehearsal, before its update, reads them.
  const { sharesFilesOf } = service;
  const files = sharesFilesOf ? shared.declared.get(sharesFilesOf)!.files : declareFiles(service, shared, tier);
  const seeds = files ? [files.seed] : [];
  const args = { ...(single ? { name } : {}), ...argsOf(service, files, shared) };
  const rehearsed = { dependsOn: seeds, hooks: shared.rehearsal.hooks };
  const opts = {
    ...(single
      ? { parent: new Workload(name, { container: tried(args) }, { parent: tier, ...rehearsed }) }
      : { parent: tier, aliases: formerly(service, name, tier) }),
    deleteBeforeReplace: single,
    replaceOnChanges: single ? REPLACE_ON : REPLICAS_REPLACE_ON,
    ignoreChanges: ENGINES_OWN,
    hooks: hooksOf(service, shared),
    // Nothing flows from what must merely be healthy first, nor from the container that carries the files in.
    dependsOn: [
      ...shared.images.first,
      ...seeds,
      ...service.after.flatMap((other) => [...shared.declared.get(other)!.containers]),
      ...watchedBy(service, shared),
    ],
  };
  const names = kind === "stateless" ? Array.from({ length: replicas }, (_, i) => `${name}-${i + 1}`) : [name];
  const containers = names.map((own) => new docker.Container(own, args, opts));
  if (single) shared.rehearsal.passes(name, containers[0]!);
  return { containers, files, names: pulumi.all(containers.map((container) => container.name)) };
}

const WORKLOAD = "berth:workload:Workload";

/**
 * What a single container is made with, as an input, so that its update comes before any change of the container
 * (docs/decisions/0019-rehearsals.md).
 */
class Workload extends pulumi.ComponentResource {
  constructor(name: string, args: { readonly container: object }, opts: pulumi.ComponentResourceOptions) {
    super(WORKLOAD, name, args, opts);
  }
}

/** Until November 2026 containers of a stateless service were in a workload of their own: they stay what they are. */
const formerly = ({ kind }: PlannedService, name: string, tier: pulumi.Resource): pulumi.Alias[] =>
  kind === "stateless" ? [{ parent: pulumi.createUrn(name, WORKLOAD, tier) }] : [];

const argsOf = (service: PlannedService, files: Files | undefined, shared: Shared) => ({
  image: shared.images.of(service.image),
  ...containerArgs(service, shared.plan),
  ...networksOf(service, shared),
  volumes: volumesOf(service, files, shared),
});

/** Applications start in turns: what else starts costs little, and others wait for it. */
function hooksOf({ kind, tier }: PlannedService, { lastWords, turns }: Shared): pulumi.ResourceHookBinding {
  const inTurn = kind === "stateless" && tier === "app" ? turns : {};
  return { ...inTurn, onError: [lastWords[kind], ...(inTurn.onError ?? [])] };
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
