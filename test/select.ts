/** Which suites changed files can break: bin/test --since. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { suitesOf } from "./suites.ts";

const PROMISES = ["serving", "operator"];

/**
 * A file, or a folder with its slash → the suites that it can break, besides those of `quick`, which always run.
 * The longest that a path starts with is the one that counts.
 */
export const BREAKS: Readonly<Record<string, readonly string[]>> = {
  ".ci/": [],
  ".gitattributes": [],
  ".github/": [],
  ".gitignore": [],
  ".mocharc.json": [],
  ".prettierignore": [],
  ".prettierrc.json": [],
  ".state/": [],
  // Whatever systems there are; the end-to-end suites begin with one of them.
  ...Object.fromEntries(
    readdirSync(join(import.meta.dirname, ".."))
      .filter((file) => /^Pulumi\..+\.yaml$/.test(file))
      .map((file) => [file, []]),
  ),
  "Pulumi.dev.yaml": PROMISES,
  "Pulumi.yaml": PROMISES,
  "README.md": [],
  "bench/": ["conformance"],
  "bench/engine/": ["conformance", ...PROMISES],
  "bench/contracts.ts": ["contracts"],
  "bench/hub/": ["contracts", ...PROMISES],
  "bench/scan/": ["scan"],
  "bench/measure/": [],
  "bench/measure.ts": [],
  "bin/": ["operator"],
  "bin/backup": ["serving"],
  "bin/backups": ["serving"],
  "bin/new.ts": ["billing", "serving"],
  "bin/restoration.ts": ["serving"],
  "bin/restore": ["serving"],
  "bin/restore.ts": ["serving"],
  "bin/rotate": ["serving"],
  "bin/scaffold.ts": ["billing", "serving"],
  "bin/scaffold/": ["billing", "serving"],
  "bin/scan": ["scan"],
  "bin/schema.ts": [],
  "bin/secrets.ts": ["serving"],
  "bin/test": [],
  "components/": PROMISES,
  "config/": PROMISES,
  "config/checkout.ts": ["operator"],
  "config/generate.ts": [],
  "data/": ["serving"],
  "docs/": [],
  "edge/": ["serving"],
  "eslint.config.js": [],
  "index.ts": PROMISES,
  "monitoring/": ["serving"],
  "package-lock.json": ["conformance"],
  "package.json": ["conformance"],
  "plan/": PROMISES,
  "policy/": [],
  "pyproject.toml": [],
  "scan/": ["scan"],
  "scan/lines.ts": [],
  "scan/waivers.ts": [],
  "services/": ["serving"],
  "services/python/": ["billing", "serving"],
  "services/template/": ["billing", "serving"],
  "systems/": ["billing", ...PROMISES],
  "test/": [],
  "test/conformance/": ["conformance"],
  "test/contracts/": ["contracts"],
  "test/e2e/": PROMISES,
  "test/lint/": [],
  "test/load/": PROMISES,
  "test/program/": [],
  "test/proof/": ["billing"],
  "test/promises/": PROMISES,
  "test/promises/promotion.ts": ["promote"],
  "test/promises/telemetry.ts": ["telemetry"],
  "test/soak/": [],
  "test/soak/environments/": ["environments"],
  "test/soak/otlp/": ["telemetry"],
  "test/soak/telemetry/": ["telemetry"],
  "test/stack/": PROMISES,
  "test/stores/": PROMISES,
  "test/systems/": PROMISES,
  "test/unit/": [],
  "tsconfig.json": [],
  // The file of a suite breaks that suite: of those too that else run in `bin/test all` alone.
  ...Object.fromEntries(
    suitesOf("e2e", "soak").flatMap((suite) =>
      "files" in suite ? suite.files.map((file) => [file, [suite.name]]) : [],
    ),
  ),
};

/** Paths that changed, and what they select. */
export interface Selection {
  /** The entry of the table; undefined: there is none, so that everything of the gate is selected. */
  readonly rule: string | undefined;
  readonly paths: readonly string[];
  readonly suites: readonly string[];
}

/** The entry of the table that a path falls under. */
export const ruleOf = (path: string): string | undefined =>
  Object.keys(BREAKS)
    .filter((rule) => path === rule || (rule.endsWith("/") && path.startsWith(rule)))
    .sort((a, b) => b.length - a.length)[0];

/** What changed paths select, a group for each entry of the table. */
export function select(paths: readonly string[]): readonly Selection[] {
  const byRule = Map.groupBy(paths, ruleOf);
  return [...byRule].map(([rule, found]) => ({
    rule,
    paths: found,
    suites: ["quick", ...(rule === undefined ? ["billing", "conformance", ...PROMISES] : BREAKS[rule]!)],
  }));
}

/** Which changed paths selected which suites, a line for each entry of the table. */
export const explain = (selections: readonly Selection[]): string =>
  selections
    .map(({ rule, paths, suites }) => {
      const [first, ...more] = paths;
      const which = more.length ? `${first} and ${more.length} more of ${rule ?? "no entry"}` : first!;
      return `  ${which}${rule === undefined ? " (not in test/select.ts)" : ""}: ${suites.join(", ")}`;
    })
    .join("\n");
