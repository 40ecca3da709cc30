/** What a rule is. Rules are plain functions over what the engine will be asked for, so that a test needs no engine. */
import type * as docker from "@pulumi/docker";
import type { Unwrap } from "@pulumi/pulumi";

export type Container = Unwrap<docker.ContainerArgs>;
export type Network = Unwrap<docker.NetworkArgs>;
export type Volume = Unwrap<docker.VolumeArgs>;
export type Image = Unwrap<docker.ImageArgs>;

/** A resource about to be declared. */
export interface Resource {
  readonly type: string;
  readonly urn: string;
  readonly props: object;
  readonly protect: boolean;
  /** Properties whose changes the program leaves alone. */
  readonly ignoreChanges: readonly string[];
}

/** What is wrong, in the words of who must mend it. */
export interface Violation {
  readonly wrong: string;
  /** The value found; never a secret's. */
  readonly got: string;
  readonly allowed: string;
  readonly fix: string;
}

type Check<Props> = (props: Props, resource: Resource) => readonly Violation[];

export interface Rule {
  /** The name of its file. */
  readonly name: string;
  readonly description: string;
  /** Every container, also those that never run. */
  readonly container?: Check<Container>;
  /** Only containers that run. */
  readonly running?: Check<Container>;
  readonly network?: Check<Network>;
  readonly volume?: Check<Volume>;
  readonly image?: Check<Image>;
}

/**
 * Whether a container ever runs. Those that carry files onto a volume (components/files.ts) are made
 * and never started: what is about a process (its health, its restart, the root it could write to) has
 * no meaning for them, everything else has.
 */
export const runs = (container: Container): boolean => container.start !== false;

interface Labelled {
  readonly labels?: readonly { readonly label: string; readonly value: string }[] | undefined;
}

/** A label's value. */
export const labelOf = ({ labels }: Labelled, name: string): string | undefined =>
  labels?.find(({ label }) => label === name)?.value;

/** Folders and sockets of the engine's machine that a container is given. */
export const hostPathsOf = ({ volumes = [], mounts = [] }: Container): readonly string[] => [
  ...volumes.flatMap(({ hostPath }) => (hostPath ? [hostPath] : [])),
  ...mounts.flatMap(({ type, source }) => (type === "bind" && source ? [source] : [])),
];

/** Environment variables: name and value. */
export const environmentOf = ({ envs = [] }: Container): readonly (readonly [string, string])[] =>
  envs.map((line) => [line.split("=", 1)[0]!, line.slice(line.indexOf("=") + 1)]);

/** What a value looks like in a message. */
export const show = (value: unknown): string => (value === undefined ? "nothing" : JSON.stringify(value));
