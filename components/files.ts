import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { ENGINES_OWN, labelList } from "../plan/container.ts";
import { FILES, filesOf } from "../plan/files.ts";
import { resourceName } from "../plan/names.ts";
import type { PlannedService } from "../plan/types.ts";
import { type Files, fill, type Shared } from "./shared.ts";

/**
 * Configuration and secrets of one service, on a volume that is replaced when their content changes; so a changed
 * secret replaces its consumers and nothing else. A container that is never started carries them in: the provider
 * cannot upload into a read-only root (docs/provider.md A3, A4). They belong to root:root with mode 0440.
 *
 * @returns undefined for a service without files.
 */
export function declareFiles(service: PlannedService, shared: Shared, parent: pulumi.Resource): Files | undefined {
  const templates = filesOf(service);
  if (Object.keys(templates).length === 0) return undefined;
  const content = pulumi.secret(fill(templates, shared));
  const version = shared.secrets.version(`files of ${service.name}`, pulumi.jsonStringify(content));
  const { plan, images } = shared;
  const named = (...more: string[]) => resourceName(plan.system, plan.stack, service.name, "files", ...more);
  const volume = new docker.Volume(
    named(),
    {
      // A label that differs is a new volume; its name is made by the provider,
      // so both exist while consumers move over.
      labels: version.apply((known) => labelList({ ...service.labels, "berth.version": known })),
    },
    { parent, deleteBeforeReplace: false },
  );
  const seed = new docker.Container(
    named("seed"),
    { image: images.of(service.image), ...carrier(service), ...cargo(volume, content) },
    {
      parent,
      deleteBeforeReplace: false,
      replaceOnChanges: ["#initerror"],
      ignoreChanges: ENGINES_OWN,
      dependsOn: [...images.first],
    },
  );
  return { volume, seed };
}

/** A container that only carries, and never starts. */
const carrier = (service: PlannedService) => ({
  labels: labelList(service.labels),
  command: ["true"],
  start: false,
  mustRun: false,
  networkMode: "none",
  restart: "no",
  user: `${service.uid}:0`,
  init: true,
  memory: 16,
  memorySwap: 16,
  cpus: "0.25",
  capabilities: { drops: ["ALL"] },
  securityOpts: ["no-new-privileges:true"],
  logDriver: "json-file",
  logOpts: { "max-size": "1m", "max-file": "1" },
  destroyGraceSeconds: 1,
});

const cargo = (volume: docker.Volume, content: pulumi.Output<Record<string, string>>) => ({
  volumes: [{ volumeName: volume.name, containerPath: FILES }],
  uploads: content.apply((known) =>
    Object.keys(known)
      .sort()
      .map((file) => ({
        // The provider takes an empty content for a missing one.
        file: `${FILES}/${file}`,
        content: known[file] === "" ? "\n" : known[file]!,
        permissions: "0440",
      })),
  ),
});
