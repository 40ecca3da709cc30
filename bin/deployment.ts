/** What the state of a stack holds (`pulumi stack export`), as far as anybody here looks at it. */

type Props = Readonly<Record<string, unknown>>;

export interface Resource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly inputs?: Props;
  readonly outputs?: Props;
  /** Waits for its deletion. */
  readonly delete?: boolean;
  /** The CLI refuses to delete it. */
  readonly protect?: boolean;
  /** It stays on the engine when it leaves the state. */
  readonly retainOnDelete?: boolean;
  readonly initErrors?: readonly string[];
}
export interface Deployment {
  readonly resources?: readonly Resource[];
  readonly pending_operations?: readonly { readonly type: string; readonly resource: Resource }[];
}

export const CONTAINER = "docker:index/container:Container";
export const VOLUME = "docker:index/volume:Volume";
