/** What the SDK loads, in a process of its own. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../../..");

const evaluated = (script: string): string =>
  execFileSync(process.execPath, ["--input-type=module", "--eval", script], { cwd: ROOT, encoding: "utf8" });

/** @returns the files that are loaded once everything named is imported, by the package that they are of. */
function loadedBy(...imported: string[]): Map<string, string[]> {
  const files = JSON.parse(
    evaluated(`
    import { createRequire } from "node:module";
    for (const name of ${JSON.stringify(imported)}) await import(name);
    const { cache } = createRequire(import.meta.url);
    const loaded = Object.values(cache).filter(({ exports }) => Object.keys(exports ?? {}).length);
    console.log(JSON.stringify(loaded.map(({ id }) => id)));`),
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
  it("ends the debugger that the SDK's runner begins, and begins none", () => {
    const debugging = (imported: string): string =>
      evaluated(`
        import hooks from "@pulumi/pulumi/runtime/closure/v8Hooks.js";
        const session = await hooks.getSessionAsync();
        await import("${imported}");
        await new Promise((resolve) => setImmediate(resolve));
        try {
          session.post("Runtime.enable");
          console.log("debugging");
        } catch ({ code }) {
          console.log(code);
        }`).trim();
    assert.equal(debugging("@pulumi/pulumi"), "debugging");
    assert.equal(debugging("./components/sdk.ts"), "ERR_INSPECTOR_NOT_CONNECTED");
    const begun = (): string =>
      evaluated(
        'await import("./components/sdk.ts"); console.log(process.moduleLoadList.includes("NativeModule inspector"))',
      ).trim();
    assert.equal(begun(), "false");
  });
});
