/** Keeps the state quiet: an order that the engine chose anew is not news. */
import { canonical } from "../shared/difference.ts";
import type { Table } from "../shared/table.ts";
import type { Props } from "../shared/wire.ts";

/** The outputs read, with the former value wherever both mean the same. What was not read stays as it was. */
export function settle(table: Table, before: Props, read: Props): Props {
  const settled: Props = { ...before };
  for (const [name, value] of Object.entries(read)) {
    const property = table[name];
    const was = before[name];
    const equal =
      property !== undefined && was !== undefined && canonical(property, was) === canonical(property, value);
    settled[name] = equal ? was : value;
  }
  return settled;
}

/**
 * The state after a creation. A set that the plan knew is stored as planned, whatever the engine made of it, so a value
 * that it writes differently shows only after the first refresh; other properties are stored as read.
 */
export function settleCreated(table: Table, wanted: Props, read: Props): Props {
  const planned = (name: string): boolean => {
    const property = table[name];
    if (property?.kind !== "set" && property?.setOfOne !== true) return false;
    return wanted[name] !== undefined || property.computed !== true;
  };
  return settle(table, wanted, Object.fromEntries(Object.entries(read).filter(([name]) => !planned(name))));
}
