import assert from "node:assert/strict";
import { accessSync, constants, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { WORDS } from "../suites.ts";

const ROOT = join(import.meta.dirname, "../..");
const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");

interface Step {
  readonly run?: string;
  readonly uses?: string;
  readonly if?: string;
  readonly env?: Record<string, string>;
  readonly with?: Record<string, unknown>;
}
interface Job {
  readonly steps?: readonly Step[];
  readonly uses?: string;
  readonly needs?: string;
  readonly environment?: string;
  readonly permissions?: Record<string, string>;
  readonly concurrency?: { readonly group: string; readonly "cancel-in-progress": boolean };
  readonly "timeout-minutes"?: number;
}
interface Workflow {
  readonly permissions: object;
  readonly jobs: Record<string, Job>;
  readonly concurrency?: { readonly group: string };
}

const files = readdirSync(join(ROOT, ".github/workflows")).map((file) => `.github/workflows/${file}`);
const workflows = new Map(files.map((file) => [file, parse(read(file)) as Workflow]));
const workflow = (name: string): Workflow => workflows.get(`.github/workflows/${name}.yml`)!;
const TOOLS = ".github/actions/tools/action.yml";
const tools = parse(read(TOOLS)) as { inputs: Record<string, unknown>; runs: { steps: Step[] } };

const jobs = [...workflows].flatMap(([file, { jobs }]) =>
  Object.entries(jobs).map(([name, job]) => ({ name: `${file}: ${name}`, job })),
);
const steps = [
  ...jobs.flatMap(({ name, job }) => (job.steps ?? []).map((step) => ({ name, step }))),
  ...tools.runs.steps.map((step) => ({ name: TOOLS, step })),
];

const scripts = (JSON.parse(read("package.json")) as { scripts: Record<string, string> }).scripts;
/** A step that asks whether something is there may name it before it is. */
const awaited = ({ if: condition = "" }: Step): boolean => {
  const [, glob] = /hashFiles\('([^']+)'\)/.exec(condition) ?? [];
  return glob !== undefined && !existsSync(join(ROOT, glob.replace(/\/\*\*$/, "")));
};

/** What is named and not there. */
function missing({ run = "" }: Step): string[] {
  const executable = (file: string) => {
    try {
      accessSync(join(ROOT, file), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  };
  return [
    ...[...run.matchAll(/(?<![\w./-])(bin\/[\w-]+)(?![\w.-])/g)]
      .map((match) => match[1]!)
      .filter((script) => !executable(script)),
    ...[...run.matchAll(/\bnpm (?:run )(?:-\w+ )*([\w-]+)/g)]
      .map((match) => match[1]!)
      .filter((script) => !(script in scripts))
      .map((script) => `npm run ${script}`),
    ...[...run.matchAll(/\bbin\/test((?: [a-z0-9-]+)*)/g)]
      .flatMap((match) => match[1]!.trim().split(" "))
      .filter((word) => word && !WORDS.includes(word))
      .map((word) => `bin/test ${word}`),
    ...[...run.matchAll(/\bnode (?:--\S+ )*(\S+\.ts)/g)]
      .map((match) => match[1]!)
      .filter((file) => !existsSync(join(ROOT, file))),
  ];
}

describe("the workflows", () => {
  for (const [file] of workflows)
    it(`${file}: every script, suite and npm command that it names is there`, () => {
      for (const { name, step } of steps.filter(({ name }) => name.startsWith(file)))
        if (!awaited(step)) assert.deepEqual(missing(step), [], name);
    });
  it("apply and preview with the scripts, which hold what they do to the policy pack", () => {
    for (const { name, step } of steps) assert.doesNotMatch(step.run ?? "", /\bpulumi (up|preview|update)\b/, name);
    for (const script of ["bin/up.ts", "bin/preview.ts"]) assert.match(read(script), /--policy-pack policy\b|\bHELD\b/);
  });
  it("the test itself finds what is not there", () => {
    assert.deepEqual(
      missing({ run: "bin/nothing dev && bin/test types nosuite\nnpm run -s nothing\nnode bin/nothing.ts" }),
      ["bin/nothing", "npm run nothing", "bin/test nosuite", "bin/nothing.ts"],
    );
    assert.deepEqual(
      missing({ run: "bin/test types | tee x; npm run schema; . bin/lib.sh && packages; node bin/plan.ts" }),
      [],
    );
  });

  it("run only what is of this repository, or pinned to a commit whose version is said", () => {
    for (const file of [...files, TOOLS])
      for (const line of read(file)
        .split("\n")
        .filter((text) => /^\s*(- )?uses:/.test(text))) {
        const [, what, comment] = /uses:\s*(\S+)(?:\s+#\s*(\S+))?/.exec(line)!;
        if (what!.startsWith("./")) assert.ok(existsSync(join(ROOT, what!)), line);
        else {
          assert.match(what!, /^[\w-]+\/[\w-]+@[0-9a-f]{40}$/, line);
          assert.match(comment ?? "", /^v\d+\.\d+\.\d+$/, line);
        }
      }
    const cli = tools.runs.steps.find(({ uses }) => uses?.startsWith("pulumi/actions"))!.with!["pulumi-version"];
    assert.equal(
      cli,
      (JSON.parse(read("package.json")) as { dependencies: Record<string, string> }).dependencies["@pulumi/pulumi"],
    );
  });

  it("have no more rights than they need: one job may write, and it runs nothing of the branch", () => {
    for (const [file, { permissions }] of workflows) assert.deepEqual(permissions, {}, file);
    const writers = jobs.filter(({ job }) => Object.values(job.permissions!).includes("write"));
    assert.deepEqual(
      writers.map(({ name, job }) => [name, job.permissions]),
      [[".github/workflows/preview.yml: comment", { "pull-requests": "write" }]],
    );
    for (const step of writers[0]!.job.steps!)
      assert.doesNotMatch(`${step.uses} ${step.run}`, /checkout|\bbin\/|\.\/|npm|node/);
    for (const { job } of jobs)
      if (!Object.values(job.permissions!).includes("write")) assert.deepEqual(job.permissions, { contents: "read" });
  });

  it("keep what others write out of scripts, and the token out of the checkout", () => {
    for (const { name, step } of steps) {
      assert.doesNotMatch(
        step.run ?? "",
        /\$\{\{/,
        `${name}: a value belongs into env, where a shell does not read it as code`,
      );
      if (step.uses?.startsWith("actions/checkout@")) assert.equal(step.with?.["persist-credentials"], false, name);
    }
  });

  it("deploy stage, then prod, each under its environment, and never two at a time", () => {
    const { stage, prod, checks } = workflow("deploy").jobs;
    assert.equal(checks!.uses, "./.github/workflows/checks.yml");
    assert.deepEqual(
      [stage!.needs, stage!.environment, prod!.needs, prod!.environment],
      ["checks", "stage", "stage", "prod"],
    );
    for (const [stack, job] of Object.entries({ stage, prod })) {
      assert.deepEqual(job!.concurrency, { group: `deploy-${stack}`, "cancel-in-progress": false });
      assert.equal(job!.steps!.at(-1)!.run, `bin/up ${stack}`);
    }
    // Of those that wait in a group GitHub keeps the newest alone: nothing else may push a deployment out of its place.
    const groups = [...workflows.values()]
      .flatMap(({ concurrency, jobs }) => [
        concurrency?.group,
        ...Object.values(jobs).map((job) => job.concurrency?.group),
      ])
      .filter(Boolean);
    assert.equal(new Set(groups).size, groups.length, groups.join(", "));
    for (const [file, { concurrency, jobs }] of workflows)
      assert.ok(concurrency ?? Object.values(jobs).some((job) => job.concurrency), `${file} has no concurrency group`);
  });

  it("preview every stack there is", () => {
    const stacks = readdirSync(ROOT).flatMap((file) => /^Pulumi\.([\w-]+)\.yaml$/.exec(file)?.[1] ?? []);
    const previewed = workflow("preview").jobs["report"]!.steps!.flatMap(({ run = "" }) =>
      [...run.matchAll(/bin\/preview ([\w-]+)/g)].map((match) => match[1]!),
    );
    assert.deepEqual(previewed.toSorted(), stacks.toSorted());
  });

  it("check every change quickly, and everything at length every night", () => {
    const commands = (name: string, job: string) => workflow(name).jobs[job]!.steps!.flatMap(({ run }) => run ?? []);
    assert.deepEqual(commands("checks", "checks"), ["bin/test quick"]);
    assert.deepEqual(commands("nightly", "all"), ["bin/test all"]);
    assert.match(read(".github/workflows/nightly.yml"), /^on:\n {2}schedule:\n {4}- cron: "\d+ \d+ \* \* \*"$/m);
  });

  it("read the whole history where images may be named by it", () => {
    for (const { name, job } of jobs.filter(({ job }) => job.environment)) {
      const checkout = job.steps!.find(({ uses }) => uses?.startsWith("actions/checkout@"));
      assert.equal(checkout?.with?.["fetch-depth"], 0, name);
    }
  });

  it("say in a comment which secrets they need, and end by themselves", () => {
    for (const file of files) {
      const text = read(file);
      const comments = text
        .split("\n")
        .filter((line) => line.startsWith("#"))
        .join("\n");
      const needed = [...text.matchAll(/secrets\.(\w+)/g)].map((match) => match[1]!);
      if (needed.length === 0)
        assert.ok(/Needs no secret/.test(comments), `${file} does not say that it needs no secret`);
      for (const secret of needed) assert.ok(comments.includes(secret), `${file} does not say what ${secret} is`);
    }
    for (const { name, job } of jobs) if (!job.uses) assert.ok(job["timeout-minutes"], `${name} has no timeout`);
    for (const { name, step } of steps.filter(({ step }) => step.uses === "./.github/actions/tools"))
      for (const input of Object.keys(step.with ?? {}))
        assert.ok(input in tools.inputs, `${name}: the action has no input ${input}`);
  });
});
