/** A service is added by its entry and its folder: every check that needs no engine passes as it is. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { addBilling } from "../billing.ts";
import { command, type Result } from "../stack/command.ts";
import { copyCheckout } from "../stack/checkout.ts";

const ENTRY = "systems/assistant/index.ts";
const FOLDER = "services/billing";

describe("billing, added as docs/onboarding.md says", function () {
  this.timeout(600_000);
  const copies: string[] = [];
  const copy = (): string => {
    const dir = mkdtempSync(join(tmpdir(), "berth-billing-"));
    copies.push(dir);
    copyCheckout(dir);
    return dir;
  };
  const inside = (dir: string, ...args: string[]): Promise<Result> => command(process.execPath, args, { cwd: dir });
  const mocha = (dir: string, suite: string): Promise<Result> =>
    inside(dir, "node_modules/mocha/bin/mocha.js", "--reporter", "dot", `test/${suite}/**/*.test.ts`);
  /** How many tests passed. @throws {AssertionError} where one failed. */
  const passed = ({ code, output }: Result): number => {
    assert.equal(code, 0, output);
    return Number(/^ *(\d+) passing/m.exec(output)?.[1]);
  };

  let dir: string;
  const git = (...args: string[]): string =>
    execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.org", ...args], {
      cwd: dir,
      encoding: "utf8",
    }).trim();
  const read = (file: string): string => readFileSync(join(dir, file), "utf8");

  before(() => {
    dir = copy();
    git("init", "--quiet");
    git("add", "--all");
    git("commit", "--quiet", "--no-gpg-sign", "--message", "before");
    addBilling(dir);
    git("add", "--all");
  });
  after(() => copies.forEach((one) => rmSync(one, { recursive: true })));

  it("changes one file, and adds one folder", () => {
    const changes = git("diff", "--cached", "--name-status", "HEAD").split("\n");
    assert.deepEqual(
      changes.filter((line) => !line.startsWith(`A\t${FOLDER}/`)),
      [`M\t${ENTRY}`],
    );
    assert.ok(changes.includes(`A\t${FOLDER}/Dockerfile`));
  });

  it("is built as the assistant is: from the same layers, with packages of the same versions and the same health check", () => {
    const [own, others] = [FOLDER, "services/assistant"].map((folder) => ({
      packages: read(`${folder}/requirements.txt`)
        .split("\n")
        .filter((line) => line && !line.startsWith("#")),
      health: read(`${folder}/bin/${basename(folder)}-health`).replaceAll(basename(folder), ""),
      base: /^FROM .* AS base$[^]*?(?=^# Never shipped)/m.exec(read(`${folder}/Dockerfile`))?.[0],
    }));
    assert.ok(own!.base && own!.packages.length > 0);
    assert.deepEqual([own!.base, own!.health], [others!.base, others!.health]);
    assert.ok(statSync(join(dir, FOLDER, "bin/billing-health")).mode & 0o111, "cannot be run");
    assert.deepEqual(
      own!.packages.filter((line) => !others!.packages.includes(line)),
      [],
    );
  });

  for (const [what, ...args] of [
    ["types", "node_modules/typescript/bin/tsc", "--noEmit"],
    ["lint", "node_modules/eslint/bin/eslint.js", "--max-warnings", "0", ENTRY],
    ["format", "node_modules/prettier/bin/prettier.cjs", "--check", ENTRY],
    ["schema", "bin/schema.ts", "--check"],
  ] as const)
    it(`passes ${what}`, async () => {
      const { code, output } = await inside(dir, ...args);
      assert.equal(code, 0, output);
    });

  it("passes every test of the plan and of the program", async () => {
    const [unit, program] = await Promise.all([mocha(dir, "unit"), mocha(dir, "program")]);
    assert.ok(passed(unit) > 0);
    assert.ok(passed(program) > 0);
  });

  // Controls: these two are refused, in a copy that is no repository, as those of the end-to-end suites are not.
  for (const [wrong, from, to, refusal] of [
    ["a path that another service has", `public: "/billing"`, `public: "/sms"`, "path /sms is taken by sms-router"],
    ["a store that is not there", `uses: ["postgres"]`, `uses: ["postgers"]`, 'uses "postgers", which the system does'],
  ] as const)
    it(`would not pass with ${wrong}`, async () => {
      const broken = copy();
      addBilling(broken);
      const path = join(broken, ENTRY);
      const text = readFileSync(path, "utf8");
      assert.equal(text.split(from).length, 2, from);
      writeFileSync(path, text.replace(from, to));
      const { code, output } = await mocha(broken, "program");
      assert.notEqual(code, 0);
      assert.ok(output.includes(`catalogue billing: `) && output.includes(refusal), output);
    });
});
