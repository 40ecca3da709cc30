/** What a restore does to the stores of a stack. Pure: bin/restore.ts asks, bin/restore does it. */
import { didYouMean } from "../config/nearest.ts";
import { inOrder } from "../plan/order.ts";
import type { Kept, Restore } from "../systems/stores/store.ts";

/** What a backup says of itself (services/backup, manifest.py), as far as it is asked here. */
export interface BackupFacts {
  readonly id: string;
  readonly stack: string;
  readonly stores?: Readonly<Record<string, { readonly schema?: string }>>;
}

/** A store that is restored. */
export interface Restored extends Restore {
  readonly name: string;
  readonly title: string;
  /** The job that makes its tables. */
  readonly migrations: string | undefined;
  /** Version of the schema in the backup. */
  readonly schema: string | undefined;
}

/**
 * The stores that are asked for by an option.
 * @param system Its name.
 * @throws {Error} where an option is not the name of a store that is restored in place.
 */
export function askedFor(system: string, stores: readonly Kept[], options: readonly string[]): string[] {
  const known = stores.flatMap(({ name, backup }) => (backup?.restore.how === "in place" ? [`--${name}`] : []));
  const allowed = ["--to", "--discard-newer", "--drop-former", "--yes", ...known];
  const wrong = options.find((option) => !known.includes(option));
  if (wrong === undefined) return options.map((option) => option.slice("--".length));
  const meant = didYouMean(wrong, allowed) || ".";
  throw new Error(`unknown option ${wrong} for a stack of ${system}${meant} There are ${allowed.join(", ")}`);
}

/**
 * The stores of a system that a backup is restored into, those first that have their place taken.
 * @param system Its name.
 * @param asked Names of stores that are restored in place: only where somebody says so.
 * @throws {Error} where nothing would be restored, or what is asked for is not there.
 */
export function restoredOf(
  system: string,
  stores: readonly Kept[],
  backup: BackupFacts,
  asked: readonly string[],
): Restored[] {
  const { id, stack, stores: there } = backup;
  if (!there) throw new Error(`stack ${stack} makes backups as a former release did: bin/up ${stack}, then again`);
  const known = stores.flatMap(({ name, title, ready, backup: how }): Restored[] =>
    how ? [{ name, title, migrations: ready, schema: there[name]?.schema, ...how.restore }] : [],
  );
  const has = ({ name }: { readonly name: string }): boolean => name in there;
  const missing = known.find((one) => asked.includes(one.name) && !has(one));
  if (missing) throw new Error(`backup ${id} of stack ${stack} holds nothing of ${missing.title}`);
  const held = known.filter(has);
  const restored = held.filter(({ how, name }) => how === "beside" || asked.includes(name));
  if (restored.length > 0) return restored.sort((a, b) => inOrder(a.how, b.how));
  const titles = held.map(({ title }) => title).join(" and ");
  throw new Error(
    held.length
      ? `backup ${id} holds ${titles} alone, which is put over what runs: say so with ${held.map(({ name }) => `--${name}`).join(" ")}`
      : `backup ${id} of stack ${stack} holds ${listed(Object.keys(there))}; a stack of ${system} has ${listed(known.map(({ name }) => name))}`,
  );
}

/** What stays as it is although somebody may think otherwise, in words. */
export function leftOf(stores: readonly Kept[], backup: BackupFacts): string[] {
  const held = Object.keys(backup.stores ?? {});
  const known = stores.filter((store) => store.backup);
  return [
    ...held
      .filter((name) => !known.some((store) => store.name === name))
      .map((name) => `${name} of the backup is left out: there is no such store here`),
    ...known
      .filter(({ name }) => !held.includes(name))
      .map(({ title }) => `${title} stays as it is: the backup holds nothing of it`),
  ];
}

const listed = (names: readonly string[]): string => names.join(", ") || "nothing that is backed up";
