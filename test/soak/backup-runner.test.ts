/**
 * The runner of backups by itself, with servers of its own: every kind of damage, a full disk, another key
 * (services/backup/tests, docs/promises.md 11).
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { planOf } from "../../bin/stack.ts";
import { buildImage } from "../../scan/build.ts";
import { command, ROOT } from "../stack/command.ts";

const IMAGE = "localhost/berth-test/backup";

describe("the runner of backups", function () {
  this.timeout(900_000);
  after(() => command("docker", ["image", "rm", IMAGE]));

  it("passes its own tests in its own image, hardened as in a stack", async () => {
    const { platform, images } = planOf("stage", [], ROOT);
    const { context, args } = images["backup"]!;
    await buildImage({ context: join(ROOT, context), target: "development", args, platform, tag: IMAGE });
    const { code, output } = await command("docker", [
      "run",
      "--rm",
      "--network",
      "none",
      "--read-only",
      "--tmpfs",
      "/tmp:rw,noexec,nosuid,size=700m",
      "--tmpfs",
      "/small:rw,size=1m,uid=34",
      "--cap-drop",
      "ALL",
      "--security-opt",
      "no-new-privileges",
      "--init",
      "--memory",
      "1g",
      IMAGE,
      "python3",
      "-m",
      "unittest",
      "discover",
      "-s",
      "/app/tests",
    ]);
    assert.equal(code, 0, output);
    const [, ran] = /Ran (\d+) tests/.exec(output)!;
    assert.ok(Number(ran) > 25 && !/skipped/.test(output), output);
  });
});
