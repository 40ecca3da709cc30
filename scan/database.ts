/** What images are judged by: Trivy's own database where it can be fetched, otherwise one that is made here. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import { ask, wordsOf } from "./trivy.ts";
import type { Covered, Database } from "./types.ts";

const run = promisify(execFile);

/**
 * @param osv Folder of OSV entries, where one was brought. @param cache Folder for a database that is made.
 * @returns a string where there is none: why. @throws {Error} where a folder was brought that cannot be used.
 */
export async function databaseFor(osv: string, cache: string): Promise<Database | string> {
  const brought = existsSync(osv);
  if (!brought) {
    try {
      await ask("image", "--quiet", "--download-db-only");
      const { VulnerabilityDB } = JSON.parse((await ask("version", "--format", "json")).stdout) as {
        VulnerabilityDB?: { UpdatedAt?: string };
      };
      return { what: `its own database of ${VulnerabilityDB?.UpdatedAt?.slice(0, 10) ?? "an unknown day"}`, flags: [] };
    } catch (error) {
      if (!(await canMake())) return `Trivy's database cannot be fetched: ${wordsOf(error)}`;
    }
  } else if (!(await canMake()))
    throw new Error(
      `the OSV entries in ${osv} need trivy-database: bench/scan/build.sh builds it from Go modules. Without that folder Trivy fetches its own database`,
    );
  const covered = await make(cache, ...(brought ? [osv] : []));
  return { what: whatIs(covered, osv), flags: made(cache), covered };
}

/** @throws {Error} naming a file that is no entry. */
async function make(...args: readonly string[]): Promise<Covered> {
  try {
    return JSON.parse((await run("bench/scan/database.sh", args, { maxBuffer: 64 << 20 })).stdout) as Covered;
  } catch (error) {
    throw new Error(`no database for Trivy could be made: ${wordsOf(error)}`, { cause: error });
  }
}

/** What Trivy is told of a database that was made: where it is, and that nothing is to be fetched. */
export const made = (cache: string): string[] => [
  ...["--cache-dir", cache],
  ...["--skip-db-update", "--skip-java-db-update", "--offline-scan"],
];

async function canMake(): Promise<boolean> {
  try {
    await run("trivy-database", []);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ENOENT";
  }
}

function whatIs({ entries, newest, suites }: Covered, osv: string): string {
  const releases = Object.keys(suites);
  const all = [
    ...(entries ? [`${entries} OSV entries in ${osv}, the newest of ${newest}`] : []),
    ...(releases.length ? [`the security suites of Debian ${releases.join(" and ")}`] : []),
  ];
  const found = all.join(", and ") || "a database with nothing in it";
  return releases.length ? found : `${found}: Debian's security suites could not be fetched`;
}
