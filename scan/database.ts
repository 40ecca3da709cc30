/** What images are judged by: Trivy's own database where it can be fetched, otherwise one that is made here. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import { ask, wordsOf } from "./trivy.ts";
import type { Covered, Database } from "./types.ts";

const run = promisify(execFile);

/** What images are listed by; once their bills are there, what they are judged by. */
export interface Base {
  readonly flags: Database["flags"];
  /** @param bills Files. @throws {Error} naming an OSV entry that is none. */
  readonly complete: (bills: readonly string[]) => Promise<Database>;
}

/**
 * @param osv Folder of OSV entries, where one was brought. @param cache Folder for a database that is made.
 * @returns a string where there is none: why. @throws {Error} where a folder was brought that cannot be used.
 */
export async function databaseFor(osv: string, cache: string): Promise<Base | string> {
  const brought = existsSync(osv);
  if (!brought) {
    try {
      await ask("image", "--quiet", "--download-db-only");
      return { flags: [], complete: own };
    } catch (error) {
      if (!(await canMake(cache))) return `Trivy's database cannot be fetched: ${wordsOf(error)}`;
    }
  } else if (!(await canMake(cache)))
    throw new Error(
      `the OSV entries in ${osv} need trivy-database: bench/scan/build.sh builds it from Go modules. Without that folder Trivy fetches its own database`,
    );
  return {
    flags: made(cache),
    complete: async (bills) => {
      const covered = await make(cache, ...(brought ? ["-osv", osv, ...bills.flatMap((bill) => ["-bill", bill])] : []));
      return { what: whatIs(covered, osv), flags: made(cache), covered };
    },
  };
}

async function own(): Promise<Database> {
  const { VulnerabilityDB: { UpdatedAt = "" } = {} } = JSON.parse(
    (await ask("version", "--format", "json")).stdout,
  ) as { VulnerabilityDB?: { UpdatedAt?: string } };
  return { what: `its own database of ${UpdatedAt.slice(0, 10) || "an unknown day"}`, flags: [] };
}

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

/** Makes one with nothing in it, which is enough to list images by. */
async function canMake(cache: string): Promise<boolean> {
  try {
    await run("trivy-database", [cache]);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw new Error(`no database for Trivy could be made: ${wordsOf(error)}`, { cause: error });
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
