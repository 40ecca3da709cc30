/** Labels are lists of pairs in the program and a map in the engine. */
import type { Json } from "../shared/wire.ts";
import { set, text } from "../shared/table.ts";
import type { Property } from "../shared/table.ts";

export const labelsProperty = (flags: { computed?: boolean } = {}): Property =>
  set(
    { replace: true, ...flags },
    { label: text({ required: true, replace: true }), value: text({ required: true, replace: true }) },
  );

interface Label {
  readonly label: string;
  readonly value: string;
}

export const labelMap = (labels: Json | undefined): { [label: string]: string } =>
  Object.fromEntries(((labels ?? []) as unknown as Label[]).map(({ label, value }) => [label, value]));

export const labelList = (labels: { [label: string]: string } | null | undefined): Json[] =>
  Object.entries(labels ?? {})
    .sort()
    .map(([label, value]) => ({ label, value }));
