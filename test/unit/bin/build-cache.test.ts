/**
 * How much build cache is kept, in the words of the docker client. The legacy builder's help is recorded from client
 * 28.2 without buildx; buildx's is as published for Docker 29 (docker/buildx, commands/prune.go at 0287d0d).
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { keeping } from "../../../bin/build-cache.ts";

const help = (client: string): string =>
  readFileSync(join(import.meta.dirname, `fixtures/builder-prune-${client}.txt`), "utf8");

describe("bin/build-cache", () => {
  it("is told as the client calls it", () => {
    assert.deepEqual(keeping(help("legacy"), "4GB"), ["--keep-storage", "4GB"]);
    assert.deepEqual(keeping(help("buildx"), "4GB"), ["--reserved-space", "4GB"]);
  });
  it("takes the newer name where there are both", () =>
    assert.deepEqual(keeping(`${help("legacy")}${help("buildx")}`, "1GB"), ["--reserved-space", "1GB"]));
  it("is not told where the client has no word for it", () => {
    for (const said of ["", "Usage:  docker builder prune\n  -f, --force\n", "see --keep-storage"])
      assert.equal(keeping(said, "4GB"), undefined);
  });
});
