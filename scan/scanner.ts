/**
 * Our own scanner, for where Trivy is not: holds what an image lists against a
 * database, and says what it could not judge. Pure.
 */
import type { Database } from "./database.ts";
import { ecosystemOf, match } from "./osv.ts";
import type { Inventory, Package, Scanned } from "./types.ts";

const shown = (count: number): string => `${count} package${count === 1 ? "" : "s"}`;

/** @param folder Where a database was looked for. */
export function hold(image: string, inventory: Inventory, database: Database | undefined, folder: string): Scanned {
  const { findings, unclear } = database ? match(inventory, database.known) : { findings: [], unclear: [] };
  const judged: Record<string, number> = {};
  const unjudged = inventory.unread.map((what) => `not read: ${what}`);
  for (const [kind, packages] of Object.entries(Object.groupBy(inventory.packages, ({ ecosystem }) => ecosystem))) {
    const why = gap(packages, inventory, database, folder);
    if (why === undefined) judged[kind] = packages.length;
    else unjudged.push(`${kind}: ${shown(packages.length)} listed, not judged, because ${why}`);
  }
  if (unclear.length) unjudged.push(`versions that cannot be compared: ${unclear.join("; ")}`);
  return { image, findings, judged, unjudged };
}

/** Why packages of one kind cannot be judged. */
function gap(
  [first]: readonly Package[],
  inventory: Inventory,
  database: Database | undefined,
  folder: string,
): string | undefined {
  const ecosystem = ecosystemOf(first!, inventory);
  if (ecosystem === undefined)
    return "this release of Debian has no number (testing or sid), and databases go by number";
  if (database === undefined) return `there is no database in ${folder} (docs/images.md says how to get one)`;
  return database.ecosystems.has(ecosystem) ? undefined : `the database in ${folder} has nothing of ${ecosystem}`;
}
