/**
 * A service is added by its entry and its folder, a system by its folder: what `npm run new` writes passes every check
 * that needs no engine as it is.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addBilling } from "../billing.ts";
import { command, type Result } from "../stack/command.ts";
import { copyCheckout } from "../stack/checkout.ts";

const FOLDER = "services/billing";
const ENTRY = "systems/assistant/services";

describe("what npm run new writes", function () {
  this.timeout(600_000);
  let dir: string;
  const inside = (...args: string[]): Promise<Result> => command(process.execPath, args, { cwd: dir });
  const git = (...args: string[]): string =>
    execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.org", ...args], {
      cwd: dir,
      encoding: "utf8",
    }).trim();
  const changes = (): string[] => {
    git("add", "--all");
    return git("diff", "--cached", "--name-status", "HEAD").split("\n").filter(Boolean);
  };
  const commit = (message: string): void => {
    git("add", "--all");
    git("commit", "--quiet", "--no-gpg-sign", "--message", message);
  };
  const read = (file: string): string => readFileSync(join(dir, file), "utf8");
  const passes = async (...args: string[]): Promise<string> => {
    const { code, output } = await inside(...args);
    assert.equal(code, 0, output);
    return output;
  };

  before(() => {
    dir = mkdtempSync(join(tmpdir(), "berth-billing-"));
    copyCheckout(dir);
    git("init", "--quiet");
    commit("before");
  });
  after(() => rmSync(dir, { recursive: true }));

  for (const [why, words, said] of [
    ["a name that a service has", ["service", "api"], 'name: "api" is taken by a service of assistant'],
    ["a name that a folder has", ["service", "backup"], 'name: "backup" is taken by'],
    ["a name that no label takes", ["service", "Billing_2"], 'name: "Billing_2" cannot be the name of a service'],
    ["a word of TypeScript", ["service", "new"], 'name: "new" cannot be the name of a service'],
    ["a store that is not there", ["service", "x", "--uses", "postgers"], "did you mean postgres?"],
    ["a path that another service has", ["service", "x", "--path", "/sms"], "--path: /sms overlaps /sms of sms-router"],
    ["a path under another's", ["service", "x", "--path", "/sms/x"], "--path: /sms/x overlaps /sms of sms-router"],
    ["a path of the edge's own", ["service", "x", "--path", "/metrics"], "--path: /metrics overlaps /metrics of the"],
    ["no path", ["service", "x", "--path", "x/"], '--path: "x/" cannot be a public path'],
    ["a system that is not there", ["service", "x", "--system", "asistant"], "did you mean assistant?"],
    ["an option that is not there", ["service", "x", "--store", "redis"], "Unknown option '--store'"],
    ["nothing to make", ["thing", "x"], "npm run new -- service <name>"],
    ["a system that is there", ["system", "assistant"], 'name: "assistant" is taken by the folder systems/assistant'],
    [
      "a system of stores that are not there",
      ["system", "x", "--uses", "ledger"],
      '--uses: there is no store "ledger"',
    ],
  ] as const)
    it(`is nothing for ${why}, and it says why`, async () => {
      const { code, output } = await inside("bin/new.ts", ...words);
      assert.equal(code, 1, output);
      assert.ok(output.includes(said), output);
      assert.deepEqual(changes(), []);
    });

  it("is nothing where the system could not be planned with it", async () => {
    // All pools twice, and what is spare: 97 of the 100 connections.
    const file = "Pulumi.dev.yaml";
    execFileSync("sed", ["-i", "s/poolSize: 5/poolSize: 10/", join(dir, file)]);
    await passes("bin/plan.ts", "dev");
    const { code, output } = await inside("bin/new.ts", "service", "billing", "--uses", "postgres");
    assert.equal(code, 1, output);
    assert.match(output, /Nothing was written[\s\S]*berth:postgres\.maxConnections: .*billing 1 × 10/);
    assert.deepEqual(changes(), [`M\t${file}`]);
    git("checkout", "HEAD", "--", file);
  });

  it("is a line of a list, an entry, and a folder", () => {
    addBilling(dir);
    assert.deepEqual(
      changes().filter((line) => !line.startsWith(`A\t${FOLDER}/`)),
      [`A\t${ENTRY}/billing.ts`, `M\t${ENTRY}/index.ts`],
    );
    assert.ok(changes().includes(`A\t${FOLDER}/src/app/main.py`));
    commit("billing");
  });

  it("has packages of the versions that the other services have", () => {
    const packages = (folder: string): string[] =>
      ["requirements.txt", "requirements-dev.txt"].flatMap((file) =>
        read(`${folder}/${file}`)
          .split("\n")
          .filter((line) => /^\w/.test(line)),
      );
    const others = packages("services/assistant");
    assert.ok(packages(FOLDER).length > 15);
    assert.deepEqual(
      packages(FOLDER).filter((line) => !others.includes(line)),
      [],
    );
  });

  it("is a system that can be provisioned, without a service and with one", async () => {
    // The tests of the program, below, declare all of either under mocks.
    await passes("bin/new.ts", "system", "bare");
    const empty = await passes("bin/plan.ts", "bare-dev");
    for (const name of ["edge-routes", "prometheus"]) assert.match(empty, new RegExp(`^${name} `, "m"));
    await passes("bin/new.ts", "system", "corner-shop", "--uses", "redis");
    await passes(
      "bin/new.ts",
      "service",
      "order-desk",
      "--system",
      "corner-shop",
      "--uses",
      "redis",
      "--path",
      "/orders",
    );
  });

  for (const [what, ...args] of [
    ["types", "node_modules/typescript/bin/tsc", "--noEmit"],
    ["lint", "node_modules/eslint/bin/eslint.js", "--max-warnings", "0", "systems"],
    ["format", "node_modules/prettier/bin/prettier.cjs", "--check", "systems"],
    ["schema", "bin/schema.ts", "--check"],
  ] as const)
    it(`passes ${what}`, async () => void (await passes(...args)));

  it("passes the checks of Python, its own tests among them", async () => {
    const { code, output } = await command("test/lint/python", ["billing", "order-desk"], { cwd: dir });
    assert.equal(code, 0, output);
  });

  it("passes every test of the plan and of the program", async () => {
    const mocha = ["node_modules/mocha/bin/mocha.js", "--reporter", "dot"];
    const outputs = await Promise.all(
      ["unit", "program"].map((suite) => passes(...mocha, `test/${suite}/**/*.test.ts`)),
    );
    for (const output of outputs) assert.ok(Number(/^ *(\d+) passing/m.exec(output)?.[1]) > 0);
  });
});
