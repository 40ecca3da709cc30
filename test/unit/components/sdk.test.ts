/** What the SDK loads, in a process of its own. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../../..");

/** @returns the files that are loaded once everything named is imported, by the package that they are of. */
function loadedBy(...imported: string[]): Map<string, string[]> {
  const script = `
    import { createRequire } from "node:module";
    for (const name of ${JSON.stringify(imported)}) await import(name);
    const { cache } = createRequire(import.meta.url);
    const loaded = Object.values(cache).filter(({ exports }) => Object.keys(exports ?? {}).length);
    console.log(JSON.stringify(loaded.map(({ id }) => id)));`;
  const files = JSON.parse(
    execFileSync(process.execPath, ["--input-type=module", "--eval", script], { cwd: ROOT, encoding: "utf8" }),
  ) as string[];
  return Map.groupBy(files, (file) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? "");
}

describe("components/sdk", function () {
  this.timeout(30_000);
  const heavy = (loaded: Map<string, string[]>) => ["@npmcli/arborist", "typescript"].map((name) => loaded.has(name));

  it("has neither npm nor the TypeScript compiler loaded, and all else of the SDK", () => {
    const loaded = loadedBy("./components/sdk.ts", "@pulumi/pulumi", "@pulumi/docker");
    assert.deepEqual(heavy(loaded), [false, false]);
    assert.ok(loaded.has("@pulumi/docker") && loaded.get("@pulumi/pulumi")!.length > 50);
  });
  it("the SDK by itself loads both (negative control)", () =>
    assert.deepEqual(heavy(loadedBy("@pulumi/pulumi")), [true, true]));
});
