import {
  type Container,
  labelOf,
  type Network,
  type Resource,
  type Rule,
  show,
  type Violation,
  type Volume,
} from "../rule.ts";

const NAMES = ["berth.stack", "berth.system", "berth.environment", "berth.service"];

function check(props: Container | Network | Volume, { urn }: Resource): readonly Violation[] {
  // urn:pulumi:<stack>::<project>::...
  const stack = urn.split("::", 1)[0]!.split(":").slice(2).join(":");
  const fix = "give it labelList(labels(...)) of plan/names.ts, or the `labels` of the planned service";
  const other = labelOf(props, "berth.stack") ?? stack;
  return [
    ...NAMES.filter((name) => !labelOf(props, name)).map((name) => ({
      wrong: `no label ${name}`,
      got: show(labelOf(props, name)),
      allowed: "a value",
      fix,
    })),
    ...(other === stack
      ? []
      : [{ wrong: "labelled as another stack's", got: `berth.stack is "${other}"`, allowed: `"${stack}"`, fix }]),
  ];
}

export const labels: Rule = {
  name: "labels",
  description:
    "Every container, network and volume says whose it is: repair, clean-up, logs and drift go by these labels.",
  container: check,
  network: check,
  // An engine sets labels when it makes a volume, and never again. One with data that was there before is taken over as
  // it is (components/volumes.ts), and read afresh it has none: making it anew would delete the data.
  volume: (volume, resource) =>
    resource.ignoreChanges.includes("labels") && !volume.labels?.length ? [] : check(volume, resource),
};
