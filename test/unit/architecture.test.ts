import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

const ROOT = join(import.meta.dirname, "../..");
const sources = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.ts"], {
  cwd: ROOT,
  encoding: "utf8",
})
  .trim()
  .split("\n");

/** Folder → folders it may import. */
const ALLOWED: Record<string, readonly string[]> = {
  "index.ts": ["config", "systems", "components", "plan"],
  config: ["config"],
  plan: ["plan", "config"],
  systems: ["systems", "plan", "config", "monitoring"],
  components: ["components", "plan", "config"],
  monitoring: ["monitoring", "plan"],
  bin: ["bin", "config", "plan", "systems", "scan"],
  scan: ["scan", "config"],
  policy: ["policy", "plan"],
};
/** These stay pure: no Pulumi in them. */
const PURE = /^(plan|systems|monitoring)\/|^config\/(schema|secrets|parse|problems|generate)\.ts$|^(bin|scan)\//;
/** The only reader of configuration. */
const READER = "config/load.ts";

const imports = (file: string): string[] =>
  [
    ...readFileSync(join(ROOT, file), "utf8").matchAll(/^(?:import|export)[^"]*? from "([^"]+)"|^import "([^"]+)"/gm),
  ].map((match) => (match[1] ?? match[2])!);
const folder = (file: string) => (file.includes("/") ? file.split("/")[0]! : file);
const wrong = (file: string): string[] =>
  imports(file).filter((name) => {
    if (!name.startsWith(".")) return PURE.test(file) && name.startsWith("@pulumi/");
    return !ALLOWED[folder(file)]?.includes(folder(relative(ROOT, join(ROOT, dirname(file), name))));
  });

describe("the house", () => {
  for (const file of sources.filter((name) => folder(name) in ALLOWED))
    it(`${file} imports only what it may`, () => assert.deepEqual(wrong(file), []));

  it("reads imports for real", () => {
    assert.ok(imports("index.ts").length >= 4);
    assert.ok(sources.length > 20);
  });
  it("reads Pulumi's configuration in one place", () => {
    for (const file of sources.filter((name) => /^(components|systems|plan|config)\//.test(name) && name !== READER))
      assert.doesNotMatch(readFileSync(join(ROOT, file), "utf8"), /new pulumi\.Config|getSecret|requireSecret/, file);
  });
  it("keeps index.ts a table of contents and files readable", () => {
    const lines = (file: string) => readFileSync(join(ROOT, file), "utf8").trimEnd().split("\n").length;
    assert.ok(lines("index.ts") <= 60);
    for (const file of sources) assert.ok(lines(file) <= 400, `${file} has ${lines(file)} lines`);
  });
});
