/** What bin/down removes; a docker client and a CLI of sh stand for the engine and for Pulumi. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ROOT } from "../support.ts";

const PARTS = ["bin", "config", "plan", "systems", "monitoring", "data", "edge", "services", "package.json"];

describe("bin/down", function () {
  this.timeout(30_000);
  const folder = mkdtempSync(join(tmpdir(), "berth-down-"));
  after(() => rmSync(folder, { recursive: true }));
  before(() => {
    for (const part of PARTS) cpSync(join(ROOT, part), join(folder, part), { recursive: true });
    symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
    cpSync(join(ROOT, "Pulumi.dev.yaml"), join(folder, "Pulumi.dev.yaml"));
    // One with labels, one that was there before the stack and has none, and somebody else's.
    const docker = `#!/bin/sh
echo "$*" >> ${folder}/asked
case "$*" in
  "volume ls -q") printf '%s\\n' assistant-dev-redis-data assistant-dev-postgres-data other-postgres-data;;
  "volume ls -q --filter label=berth.stack=dev --filter label=berth.keep=data") echo assistant-dev-redis-data;;
  version*) echo 27.0;;
esac
`;
    writeFileSync(join(folder, "docker"), docker, { mode: 0o755 });
    const pulumi = `#!/bin/sh\necho "$*" >> ${folder}/told\ncase "$2" in export) echo '{"deployment":{"resources":[]}}';; esac\n`;
    writeFileSync(join(folder, "pulumi"), pulumi, { mode: 0o755 });
  });
  const run = (...args: string[]) => {
    for (const file of ["asked", "told"]) writeFileSync(join(folder, file), "");
    const env = { HOME: folder, PATH: [folder, dirname(process.execPath), process.env["PATH"]].join(":") };
    const { status, stderr } = spawnSync(join(folder, "bin/down"), ["dev", ...args], { encoding: "utf8", env });
    const asked = readFileSync(join(folder, "asked"), "utf8");
    return { status, stderr, asked, removed: asked.match(/^volume rm .*$/gm) ?? [] };
  };
  const down = (...args: string[]) => {
    const { status, stderr, removed } = run(...args);
    assert.equal(status, 0, stderr);
    return { stderr, removed };
  };

  it("says which data it kept, that of before the stack too", () => {
    const { stderr, removed } = down();
    assert.match(stderr, /kept.*\nassistant-dev-postgres-data\nassistant-dev-redis-data\nTo remove/);
    assert.deepEqual(removed, []);
  });
  it("removes all of it where it is told to, and nobody else's", () => {
    const { removed } = down("--data", "--yes");
    assert.deepEqual(removed, ["volume rm assistant-dev-postgres-data", "volume rm assistant-dev-redis-data"]);
  });

  describe("with a mistake in the stack file", () => {
    const file = join(folder, "Pulumi.dev.yaml");
    before(() => writeFileSync(file, readFileSync(file, "utf8").replace("berth:debug:", "berth:colour:")));
    it("removes no data, and says what is wrong: what is the stack's, its file alone knows", () => {
      const { status, stderr, asked } = run("--data", "--yes");
      assert.equal(status, 1);
      assert.match(stderr, /berth:colour: no such key[\s\S]*\nerror: nothing was removed: bin\/down dev --data needs/);
      assert.doesNotMatch(asked, /volume rm|image rm/);
      assert.doesNotMatch(readFileSync(join(folder, "told"), "utf8"), /destroy/);
    });
    it("removes all the rest, which the state knows", () => {
      assert.match(down().stderr, /kept.*\nassistant-dev-redis-data\nTo remove/);
    });
  });
});
