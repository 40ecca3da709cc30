/** What the components hand each other. */
import type * as docker from "@pulumi/docker";
import * as pulumi from "@pulumi/pulumi";
import { references, render, valueKey } from "../plan/template.ts";
import type { ImageRef, NetworkName, Plan } from "../plan/types.ts";
import type { LastWords } from "./last-words.ts";
import type { Rehearsals } from "./rehearsal.ts";
import type { Secrets } from "./secrets.ts";

/** The files of one service, on a volume of their own. */
export interface Files {
  readonly volume: docker.Volume;
  /** Consumers must wait for it: until then the volume is empty. */
  readonly seed: docker.Container;
}

/** A declared service: what those after it wait for and refer to. */
export interface Declared {
  readonly containers: readonly docker.Container[];
  readonly names: pulumi.Output<string[]>;
  /** What carries its files; undefined for a service without any. */
  readonly files: Files | undefined;
}

export interface Shared {
  readonly plan: Plan;
  /** Image of each built or pulled reference. */
  readonly images: {
    of(ref: ImageRef): pulumi.Output<string>;
    /** What every container waits for, besides its own image. */
    readonly first: readonly pulumi.Resource[];
  };
  readonly networks: ReadonlyMap<NetworkName, docker.Network>;
  readonly volumes: ReadonlyMap<string, docker.Volume>;
  readonly secrets: Pick<Secrets, "lookup" | "version">;
  /** Address of the engine, where it is not this machine's. */
  readonly engine: string | undefined;
  /** Show why a container did not get healthy, and end what failed. */
  readonly lastWords: LastWords;
  /** Let some containers start at a time. */
  readonly turns: pulumi.ResourceHookBinding;
  /** Tries what would replace a single container, and makes others leave the host ports that it is about to have. */
  readonly rehearsal: Rehearsals;
  /** Filled in start order. */
  readonly declared: Map<string, Declared>;
}

/** Fills templates with secrets and container names; the result is secret if any value in it is. */
export function fill(
  files: Readonly<Record<string, string>>,
  { secrets, declared }: Shared,
): pulumi.Output<Record<string, string>> {
  const keys = new Set(Object.values(files).flatMap(references).map(valueKey));
  const values = Object.fromEntries([...keys].map((key) => [key, valueOf(key, secrets, declared)]));
  return pulumi.output(values).apply((known) =>
    Object.fromEntries(
      Object.keys(files)
        .sort()
        .map((file) => [file, render(files[file]!, known)]),
    ),
  );
}

function valueOf(key: string, secrets: Shared["secrets"], declared: Shared["declared"]): pulumi.Output<string> {
  const value = key.startsWith("containers:")
    ? declared.get(key.slice("containers:".length))?.names.apply((names) => names.join(" "))
    : secrets.lookup(key);
  if (!value) throw new Error(`catalogue: nothing is called "${key}"`);
  return value;
}
