import * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { labelList } from "../plan/container.ts";
import { resourceName } from "../plan/names.ts";
import type { FileSet, PlannedService } from "../plan/types.ts";
import { fill, type Shared } from "./shared.ts";

export interface FilesArgs {
  readonly service: PlannedService;
  /** What the files are, for names: `secrets` or `config`. */
  readonly kind: string;
  readonly files: FileSet;
}

/**
 * Files for one service on a volume of their own, which changes its name with their content; so a changed secret
 * replaces its consumers and nothing else. A container that is never started carries them in: the provider cannot
 * upload into a read-only root (docs/provider.md A3, A4). They belong to root:root with mode 0440.
 */
export class Files extends pulumi.ComponentResource {
  readonly volumeName: pulumi.Output<string>;
  /** Consumers must wait for it: until then the volume is empty. */
  readonly seed: docker.Container;

  constructor(name: string, args: FilesArgs, shared: Shared, opts?: pulumi.ComponentResourceOptions) {
    super("berth:files:Files", name, {}, opts);
    const content = pulumi.secret(fill(args.files.files, shared));
    const version = this.#version(args, content, shared);
    const volume = this.#volume(args, version, shared);
    this.volumeName = volume.name;
    this.seed = this.#seed(args, content, volume, shared);
    this.registerOutputs({});
  }

  #name({ service, kind }: FilesArgs, { plan }: Shared, ...more: string[]): string {
    return resourceName(plan.system, plan.stack, service.name, kind, ...more);
  }

  #version(args: FilesArgs, content: pulumi.Output<Record<string, string>>, shared: Shared): random.RandomId {
    return new random.RandomId(
      this.#name(args, shared, "version"),
      { byteLength: 4, keepers: { path: args.files.path, content: pulumi.jsonStringify(content) } },
      { parent: this },
    );
  }

  #volume(args: FilesArgs, version: random.RandomId, shared: Shared): docker.Volume {
    return new docker.Volume(
      this.#name(args, shared),
      {
        // A label that differs is a new volume; its name is made by the provider,
        // so both exist while consumers move over.
        labels: version.hex.apply((hex) => labelList({ ...args.service.labels, "berth.version": hex })),
      },
      { parent: this, deleteBeforeReplace: false },
    );
  }

  #seed(
    args: FilesArgs,
    content: pulumi.Output<Record<string, string>>,
    volume: docker.Volume,
    shared: Shared,
  ): docker.Container {
    const { service, files } = args;
    return new docker.Container(
      this.#name(args, shared, "seed"),
      {
        image: shared.images.of(service.image),
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
        volumes: [{ volumeName: volume.name, containerPath: files.path }],
        uploads: content.apply((known) =>
          Object.keys(known)
            .sort()
            .map((file) => ({
              // The provider takes an empty content for a missing one.
              file: `${files.path}/${file}`,
              content: known[file] === "" ? "\n" : known[file]!,
              permissions: "0440",
            })),
        ),
        destroyGraceSeconds: 1,
      },
      { parent: this, deleteBeforeReplace: false, replaceOnChanges: ["#initerror"] },
    );
  }
}
