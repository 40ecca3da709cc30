/**
 * Trivy, where it is installed: it knows more kinds of packages and fetches its own database.
 * The gate stays ours, so that waivers count.
 */
import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { docker } from "./export.ts";
import { ofWord } from "./severity.ts";
import type { Finding, Scanned } from "./types.ts";

const run = promisify(execFile);
const LARGE = { maxBuffer: 1024 ** 3 } as const;

/** `trivy image --format json`, as far as it matters here. */
export interface TrivyReport {
  readonly Metadata?: { readonly OS?: { readonly Family?: string; readonly Name?: string; readonly EOSL?: boolean } };
  readonly Results?: readonly {
    readonly Target: string;
    readonly Type?: string;
    readonly Packages?: readonly unknown[];
    readonly Vulnerabilities?: readonly {
      readonly VulnerabilityID: string;
      readonly VendorIDs?: readonly string[];
      readonly PkgName: string;
      readonly InstalledVersion: string;
      readonly FixedVersion?: string;
      readonly Severity?: string;
    }[];
  }[];
}

export async function hasTrivy(): Promise<boolean> {
  try {
    await run("trivy", ["--version"]);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw new Error(`trivy is installed and does not run: ${(error as Error).message}`, { cause: error });
  }
}

/**
 * @param folder For what lies between. @returns the report; the bill of materials is written, from the same
 * look. @throws {Error} with what Trivy said.
 */
export async function askTrivy(image: string, folder: string, bill: string): Promise<TrivyReport> {
  const [archive, found] = [join(folder, "image.tar"), join(folder, "found.json")];
  // As an archive, because Trivy itself does not reach an engine at ssh://, which docker does.
  await docker("save", "--output", archive, image);
  // Exit code 0 whatever is found: what fails is decided by scan/gate.ts.
  await run(
    "trivy",
    [
      "image",
      "--quiet",
      "--scanners",
      "vuln",
      "--list-all-pkgs",
      "--exit-code",
      "0",
      "--format",
      "json",
      "--output",
      found,
      "--input",
      archive,
    ],
    LARGE,
  );
  // Trivy calls the image by the archive's path, and so would the bill.
  const report = { ...(JSON.parse(await readFile(found, "utf8")) as TrivyReport), ArtifactName: image };
  await writeFile(found, JSON.stringify(report));
  await run("trivy", ["convert", "--quiet", "--format", "cyclonedx", "--output", bill, found], LARGE);
  return report;
}

/** Kind of package → how many. */
export function listedBy({ Results = [] }: TrivyReport): Record<string, number> {
  const listed: Record<string, number> = {};
  for (const { Type = "other", Packages = [] } of Results) listed[Type] = (listed[Type] ?? 0) + Packages.length;
  return listed;
}

/** Trivy's findings as ours. */
export function ofTrivy(image: string, { Metadata, Results = [] }: TrivyReport): Scanned {
  const findings = new Map<string, Finding>();
  for (const { Vulnerabilities = [] } of Results)
    for (const one of Vulnerabilities)
      findings.set(`${one.VulnerabilityID} ${one.PkgName} ${one.InstalledVersion}`, {
        id: one.VulnerabilityID,
        aliases: one.VendorIDs ?? [],
        package: one.PkgName,
        version: one.InstalledVersion,
        severity: ofWord(one.Severity),
        ...(one.FixedVersion ? { fixed: one.FixedVersion } : {}),
      });
  const { OS } = Metadata ?? {};
  // Of testing and sid Trivy lists the packages and finds nothing, because nobody judges what has no number.
  const numberless = OS?.Family === "debian" && !/^\d/.test(OS.Name ?? "");
  return {
    image,
    findings: [...findings.values()],
    judged: listedBy({ Results: Results.filter(({ Type }) => !numberless || Type !== "debian") }),
    unjudged: [
      ...(Results.length ? [] : ["Trivy found nothing in it that it knows"]),
      ...(numberless
        ? [`debian: not judged, because ${OS.Name ?? "its release"} has no number, and databases go by number`]
        : []),
      ...(OS?.EOSL ? [`${OS.Family} ${OS.Name} is out of support: nobody says any more what is wrong with it`] : []),
    ],
  };
}
