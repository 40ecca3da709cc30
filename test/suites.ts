/** Every suite of bin/test, as data: what it proves, how it is run, and the words it is called by. */

/**
 * - quick: needs Node, npm and Python alone; these run side by side
 * - proof: needs no engine either, but runs the quick suites once more, in a copy
 * - conformance: holds the bench's stand-ins against the real CLI and engine
 * - e2e: the promises, on stacks that are up; a promise is a chapter
 * - soak: takes long, and runs in `bin/test all` alone
 */
export type Group = "quick" | "proof" | "conformance" | "e2e" | "soak";

/** A part of an end-to-end suite that can run alone: the suite then makes its stack for it. */
export interface Chapter {
  readonly name: string;
  /** What it proves, in a line. */
  readonly proves: string;
}

interface Common {
  readonly name: string;
  readonly group: Group;
  /** What it proves, in a line. */
  readonly proves: string;
}

/** A program that ends with 0 when all is well. It counts as one check, unless it says how many tests it ran. */
export interface CommandSuite extends Common {
  readonly command: readonly string[];
}

export interface MochaSuite extends Common {
  /** Test files, or patterns of them, from the checkout. */
  readonly files: readonly string[];
  /** @default none: the suite runs as a whole only */
  readonly chapters?: readonly Chapter[];
  /** What it runs with, where the caller's environment does not say otherwise. @default nothing */
  readonly env?: Readonly<Record<string, string>>;
  /** Services that it runs although BERTH_OFF names them: the bench builds their images for it. @default none */
  readonly runs?: readonly string[];
}

export type Suite = CommandSuite | MochaSuite;

const bin = (name: string): string => `node_modules/.bin/${name}`;
const check = (name: string, proves: string, ...command: string[]): CommandSuite => ({
  name,
  group: "quick",
  proves,
  command,
});
const soak = (name: string, proves: string, more: Pick<MochaSuite, "env" | "runs"> = {}): MochaSuite => ({
  name,
  group: "soak",
  proves,
  files: [`test/soak/${name}.test.ts`],
  ...more,
});

/** Of a system that is not the first: what no system differs in is left to the gate (test/length.ts). */
const OWN = { env: { BERTH_TEST_OWN: "1" } };

/** In the order of their runs. Of the quick ones the longest start first, so that none is left over at the end. */
export const SUITES: readonly Suite[] = [
  {
    name: "program",
    group: "quick",
    proves: "index.ts declares what the plan says, under mocks, for every stack file, and keeps the policy",
    files: ["test/program/**/*.test.ts"],
  },
  check("lint", "ESLint has no complaint", bin("eslint"), "--max-warnings", "0", "."),
  check("types", "TypeScript has no type error", bin("tsc"), "--noEmit"),
  {
    name: "unit",
    group: "quick",
    proves: "the pure functions, the policy's rules, the documentation and the workflows are right",
    files: ["test/unit/**/*.test.ts"],
  },
  check(
    "python",
    "ruff and mypy have no complaint, and the Python tests that need no service pass",
    "test/lint/python",
  ),
  check("pages", "the pages in services/ have no type error, and build", "test/lint/pages"),
  check("format", "Prettier would change nothing", bin("prettier"), "--check", "."),
  check("shell", "shellcheck has no complaint", "test/lint/shell"),
  check("workflows", "actionlint has no complaint", "test/lint/workflows"),
  check("schema", "what is generated from the keys of the systems is up to date", "node", "bin/schema.ts", "--check"),
  {
    name: "billing",
    group: "proof",
    proves: "what npm run new writes, a service or a system, passes every check as it is, and no test changes",
    files: ["test/proof/billing.test.ts"],
  },
  {
    name: "conformance",
    group: "conformance",
    proves: "the bench's stand-ins of Pulumi's plugins behave as the real ones do",
    files: ["test/conformance/**/*.test.ts"],
  },
  {
    name: "serving",
    group: "e2e",
    proves: "a stack under load loses nothing, whatever is released or breaks",
    files: ["test/e2e/serving.test.ts"],
    chapters: [
      { name: "application", proves: "the system answers, and its services are as the plan says" },
      { name: "monitoring", proves: "every target is scraped, every query has an answer, every alert finds its way" },
      { name: "releases", proves: "a release loses no request and no acknowledged write" },
      { name: "rotation", proves: "a new secret or certificate loses no request" },
      { name: "fail-closed", proves: "a bad release changes nothing that serves" },
      { name: "healing", proves: "what hangs or is gone comes back by itself" },
      { name: "clients", proves: "slow, silent and mistaken clients end nothing, and everybody else is answered" },
      { name: "overload", proves: "three times what the machine can answer is shed, and nothing acknowledged is lost" },
      { name: "faults", proves: "a killed database, a killed worker and a full disk lose no acknowledged write" },
      { name: "backups", proves: "a backup brings the data back, and one that is bad says so" },
      { name: "secrets", proves: "no secret shows anywhere in all that happened" },
    ],
  },
  {
    name: "operator",
    group: "e2e",
    proves: "a killed, mistaken or surprised operator leaves a stack that the next bin/up puts right",
    files: ["test/e2e/operator.test.ts"],
    chapters: [
      { name: "crash", proves: "whatever is killed in an update, the next one ends it" },
      { name: "image", proves: "the application's own tests pass in the image that runs" },
      { name: "preview", proves: "what the preview announces is what the update does" },
      { name: "rollback", proves: "a release of before comes back under load" },
      { name: "drift", proves: "what was changed behind the stack's back is found and put right" },
      { name: "machine", proves: "a taken port, a full disk and a held lock are said, and change nothing" },
      { name: "rehearsal", proves: "what is single never stops for a successor that does not hold" },
    ],
  },
  soak("backup-runner", "the runner of backups alone, on real services and buckets"),
  {
    name: "contracts",
    group: "soak",
    proves: "images are as their contracts say: the real ones where they can be pulled, otherwise the bench's",
    files: ["test/contracts/**/*.test.ts"],
  },
  soak("deploys", "fifty deploys in a row leave no litter and grow nothing", { env: { BERTH_RELEASES: "50" } }),
  soak("development", "what is typed shows at once, in a service and in a browser, and databases keep their data"),
  soak("environments", "dev, stage and prod on one engine share nothing"),
  soak("images", "the images hold what they should, and build the same twice"),
  soak("kailash", "the third system does what it should, and keeps the promises that depend on the system", OWN),
  soak("migrations", "the schema goes up and down under load, with its data"),
  soak("promote", "what ran in stage is what runs in prod"),
  soak("samplemind", "the second system does what it should, and keeps the promises that depend on the system", OWN),
  soak("scan", "Trivy judges images by what it is brought, and says what it cannot judge"),
  soak("telemetry", "logs and traces arrive, through outages, crashes and floods", { runs: ["jaeger"] }),
  soak("upgrade-path", "a stack that a former version made moves over by one update, with its data"),
  soak("upgrades", "other versions of PostgreSQL and Redis take over the data"),
];

export const GROUPS: Readonly<Record<Group, string>> = {
  quick: "needs no engine and no Pulumi; at most 90 s on two idle cores",
  proof: "needs no engine either, and runs the quick suites once more, in a copy",
  conformance: "of the bench; the gate runs it where what it judges has changed",
  e2e: "the promises, on stacks that are up",
  soak: "takes long; in `bin/test all` alone",
};

export const chaptersOf = (suite: Suite): readonly Chapter[] => ("chapters" in suite ? (suite.chapters ?? []) : []);
/** Whether it makes something on an engine. */
export const needsEngine = ({ group }: Suite): boolean => !["quick", "proof"].includes(group);
export const suitesOf = (...groups: Group[]): readonly Suite[] => SUITES.filter(({ group }) => groups.includes(group));

/** Everything that bin/test takes by name. */
export const WORDS: readonly string[] = [
  ...new Set([
    "all",
    ...Object.keys(GROUPS),
    ...SUITES.flatMap((suite) => [suite.name, ...chaptersOf(suite).map(({ name }) => name)]),
  ]),
];
