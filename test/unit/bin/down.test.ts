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
    const pulumi = `#!/bin/sh\ncase "$2" in export) echo '{"deployment":{"resources":[]}}';; esac\n`;
    writeFileSync(join(folder, "pulumi"), pulumi, { mode: 0o755 });
  });
  const down = (...args: string[]) => {
    writeFileSync(join(folder, "asked"), "");
    const env = { HOME: folder, PATH: [folder, dirname(process.execPath), process.env["PATH"]].join(":") };
    const { status, stderr } = spawnSync(join(folder, "bin/down"), ["dev", ...args], { encoding: "utf8", env });
    assert.equal(status, 0, stderr);
    const removed = readFileSync(join(folder, "asked"), "utf8").match(/^volume rm .*$/gm) ?? [];
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
});
