/** Trivy, where it is installed: it knows more kinds of packages and fetches its own database. The gate stays ours, so that waivers count. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
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
      readonly VulnerabilityID: string; readonly VendorIDs?: readonly string[]; readonly PkgName: string;
      readonly InstalledVersion: string; readonly FixedVersion?: string; readonly Severity?: string;
    }[];
  }[];
}

export async function hasTrivy(): Promise<boolean> {
  try { await run("trivy", ["--version"]); return true; } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw new Error(`trivy is installed and does not run: ${(error as Error).message}`, { cause: error });
  }
}

/** Writes the report and the bill of materials, from one look at the image. @throws {Error} with what Trivy said. */
export async function askTrivy(image: string, reportFile: string, billFile: string): Promise<TrivyReport> {
  // Exit code 0 whatever is found: what fails is decided by scan/gate.ts.
  await run("trivy", ["image", "--quiet", "--scanners", "vuln", "--list-all-pkgs", "--exit-code", "0", "--format", "json", "--output", reportFile, image], LARGE);
  await run("trivy", ["convert", "--quiet", "--format", "cyclonedx", "--output", billFile, reportFile], LARGE);
  return JSON.parse(await readFile(reportFile, "utf8")) as TrivyReport;
}

export function ofTrivy(image: string, { Metadata, Results = [] }: TrivyReport): Scanned {
  const findings = new Map<string, Finding>();
  for (const { Vulnerabilities = [] } of Results) for (const one of Vulnerabilities) findings.set(`${one.VulnerabilityID} ${one.PkgName} ${one.InstalledVersion}`, {
    id: one.VulnerabilityID, aliases: one.VendorIDs ?? [], package: one.PkgName, version: one.InstalledVersion,
    severity: ofWord(one.Severity), ...(one.FixedVersion ? { fixed: one.FixedVersion } : {}),
  });
  const judged: Record<string, number> = {};
  for (const { Type = "other", Packages = [] } of Results) judged[Type] = (judged[Type] ?? 0) + Packages.length;
  const { OS } = Metadata ?? {};
  return {
    image, findings: [...findings.values()], judged,
    unjudged: [
      ...(Results.length ? [] : ["Trivy found nothing in it that it knows"]),
      ...(OS?.EOSL ? [`${OS.Family} ${OS.Name} is out of support: nobody says any more what is wrong with it`] : []),
    ],
  };
}
