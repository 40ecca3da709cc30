/** What a preview announces (`pulumi preview --json`), step by step: what a step is about, and why. Pure. */

type Props = Readonly<Record<string, unknown>>;

export interface StepState {
  readonly custom?: boolean;
  readonly inputs?: Props;
  readonly outputs?: Props;
  readonly retainOnDelete?: boolean;
}

export interface PreviewStep {
  readonly op: string;
  readonly urn: string;
  readonly oldState?: StepState;
  readonly newState?: StepState;
  readonly diffReasons?: readonly string[] | null;
  readonly replaceReasons?: readonly string[] | null;
  /** Property path → what happens to it. `inputDiff`: between the inputs, not between what was made and the inputs. */
  readonly detailedDiff?: Readonly<Record<string, { readonly kind: string; readonly inputDiff?: boolean }>> | null;
}

export interface Preview {
  readonly steps?: readonly PreviewStep[];
  readonly diagnostics?: readonly { readonly message: string; readonly severity: string }[];
}

/**
 * Operations that stand for a whole change; others (`create-replacement`,
 * `delete-replaced`, `same` …) are parts of one, or none.
 */
export const CHANGES = ["create", "update", "replace", "delete"] as const;
export type Change = (typeof CHANGES)[number];
export const isChange = (op: string): op is Change => (CHANGES as readonly string[]).includes(op);

/** Components only group others: what they are made with is that of their parts. */
export const isReal = ({ op, urn }: Pick<PreviewStep, "op" | "urn">): boolean =>
  isChange(op) && !/^(berth|pulumi):/.test(urn.split("::")[2]!.split("$").at(-1)!);

/** Properties that made the step, those that force a replacement before the others. */
export const reasonsOf = ({ replaceReasons, diffReasons }: PreviewStep): readonly string[] =>
  replaceReasons?.length ? replaceReasons : (diffReasons ?? []);

/** `container api-1` from an URN, in two parts. */
export function subjectOf(urn: string): { readonly kind: string; readonly name: string } {
  const [type, name] = urn.split("::").slice(-2) as [string, string];
  return { kind: type.split(":").at(-1)!.toLowerCase(), name };
}

/** Tier of the service that a resource belongs to; networks, volumes, images and secrets belong to none. */
export const tierOf = (urn: string): string | undefined => /berth:tier:(\w+)Tier\$/.exec(urn)?.[1]!.toLowerCase();
