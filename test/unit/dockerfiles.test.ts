/** Images do not depend on the rights that files have in a checkout: a umask of 077, a lost executable bit. */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../..");

/** What is copied from the build context into what runs; packages are installed from lists in /tmp, by root. */
const copies = (dockerfile: string): string[] =>
  (readFileSync(join(ROOT, dockerfile), "utf8").match(/^(?:COPY|ADD) .*$/gm) ?? []).filter(
    (line) => !line.includes("--from=") && !line.endsWith(" /tmp/"),
  );

describe("Dockerfiles", () => {
  const all = globSync("services/*/Dockerfile", { cwd: ROOT });
  it("that download take the authorities that the stack file names, and change nothing where there are none", () => {
    for (const file of all) {
      const text = readFileSync(join(ROOT, file), "utf8");
      const downloads = text.split(/^FROM /m).filter((stage) => /apt-get install|pip .*install -|npm ci/.test(stage));
      // What follows from another stage has its list.
      for (const stage of downloads.filter((one) => !one.startsWith("dependencies")))
        assert.match(stage, /ARG CA_CERTIFICATES=""\n(?:#.*\n)*RUN [^]*if \[ -n "\$CA_CERTIFICATES" \]; then/, file);
    }
  });
  it("are here", () => assert.ok(all.length >= 4 && all.flatMap(copies).length >= 6));
  for (const dockerfile of all)
    // Those of files are those of folders that are made for them, too, from BuildKit 0.21 on (Engine 28): nobody but
    // root would get into one of 0444.
    it(`${dockerfile} says the rights of what it copies, by which folders are entered`, () =>
      assert.deepEqual(
        copies(dockerfile).filter((line) => !/ --chmod=0555 /.test(line)),
        [],
      ));
});
