/** A secret that the stack file may hold, as a top-level leaf set with `--secret`. */
export interface SecretLeaf {
  readonly description: string;
  readonly example: string;
  /** Length of the password made when the stack file has none. Absent: the feature is off without it. */
  readonly generated?: number;
  /** Shortest value accepted. */
  readonly minLength: number;
  /** It is a JSON object. @default false */
  readonly json?: true;
  /**
   * Secret that holds its former value, where the stack file has both: what was made with it must still be accepted.
   * @default the former value is of no use
   */
  readonly former?: string;
  /** Secrets that it makes no sense without. @default none */
  readonly needs?: readonly string[];
  /**
   * It is needed when the stack, or what reads it, is gone: what it opened is still there. It stays in the state at
   * `bin/down`, and so does every one before. @default false
   */
  readonly outlives?: true;
}

/** Name of a secret: its key in the stack file, without `berth:`. */
export type SecretKey = string;
export type SecretLeaves = Readonly<Record<SecretKey, SecretLeaf>>;

/** Names of the secrets that are made where the stack file has none. */
export const generatedIn = (secrets: SecretLeaves): SecretKey[] =>
  Object.keys(secrets).filter((key) => secrets[key]!.generated !== undefined);
