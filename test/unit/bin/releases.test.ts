/** Releases that cannot come back, as bin/releases and bin/drift say it; a client of sh stands for the engine. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PROGRAM = join(import.meta.dirname, "../../../bin/release.ts");

describe("bin/release.ts, what docker system prune took:", () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-releases-"));
  after(() => rmSync(folder, { recursive: true }));
  before(() => {
    for (const [number, images] of [
      [1, { api: "sha256:a1", edge: "sha256:e" }],
      [2, { api: "sha256:a2", edge: "sha256:e" }],
    ] as const) {
      mkdirSync(join(folder, `.state/releases/dev/${number}`), { recursive: true });
      const release = { number, time: "2026-11-27T10:00:00Z", user: "ann", commit: "c", images, changed: [] };
      writeFileSync(join(folder, `.state/releases/dev/${number}/release.json`), JSON.stringify(release));
    }
  });
  /** @param docker What the docker client does, in sh. */
  const said = (task: string, docker: string): string[] => {
    writeFileSync(join(folder, "docker"), `#!/bin/sh\n${docker}\n`, { mode: 0o755 });
    const env = { ...process.env, PATH: `${folder}:${process.env["PATH"]}` };
    return execFileSync(process.execPath, [PROGRAM, task, "dev"], { cwd: folder, env, encoding: "utf8" })
      .split("\n")
      .filter((line) => /cannot come back/.test(line));
  };

  it("is named before anybody needs it", () => {
    const pruned = 'case "$*" in *sha256:a1) exit 1;; esac';
    assert.deepEqual(said("lost", pruned), [
      "release 1 of stack dev cannot come back: the engine has no longer its image api",
    ]);
    assert.deepEqual(said("list", pruned), ["     lost     api: it cannot come back"]);
  });
  it("is nothing where all is there, or where no engine answers", () => {
    assert.deepEqual(said("lost", "exit 0"), []);
    assert.deepEqual(said("lost", "exit 1"), []);
  });
});
