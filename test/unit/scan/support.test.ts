/** Until when images are maintained: as data (scan/lines.ts), in the documentation, and as warnings of bin/scan. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { built, contracts } from "../../../bench/contracts.ts";
import { type Line, lines } from "../../../scan/lines.ts";
import { lineOf, supportWarnings } from "../../../scan/support.ts";
import { systems } from "../../../systems/index.ts";

const ROOT = join(import.meta.dirname, "../../..");
const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");
const DAY = /^\d{4}-\d{2}-\d{2}$/;

describe("lines of images", () => {
  const references = [...new Set(Object.values(systems).flatMap(({ images }) => Object.values(images)))].sort();

  it("every image that a system names is of one, and each says its end, or what ends it", () => {
    for (const reference of references)
      assert.ok(lineOf(reference, lines), `${reference} is of no line in scan/lines.ts`);
    for (const { image, until, ends, looked, source } of lines) {
      assert.ok((until === undefined) !== (ends === undefined), image);
      assert.match(until ?? looked, DAY, image);
      assert.match(looked, DAY, image);
      assert.match(source, /^https:/, image);
    }
  });
  it("the table of docs/images.md says the same, and what the bench runs", () => {
    const missing = read("bench/hub/missing.txt");
    const rows = references.map((reference) => {
      const { until, ends, source } = lineOf(reference, lines)!;
      const { folder, name } = contracts().find(({ image }) => image === reference)!;
      const row = built().find((one) => one.folder === folder && one.contracts.includes(name));
      const [image, tag] = reference.split(/:([^:]+)$/) as [string, string];
      assert.ok(row !== undefined || missing.includes(` ${image} `), `${reference}: neither built nor missing`);
      const runs =
        row === undefined
          ? "nothing"
          : row.image === reference
            ? `the same, of ${row.suite}`
            : `\`${row.image.split(":")[1]}\`, of ${row.suite}`;
      return `| \`${image}\` | \`${tag}\` | [${until ?? ends}](${source}) | ${runs} |`;
    });
    const table = /^\| image \| tag \|.*\n\|[ |-]+\n((?:\|.*\n)+)/m.exec(read("docs/images.md"))?.[1] ?? "";
    assert.deepEqual(table.trim().split("\n"), rows);
  });
});

describe("warnings about support", () => {
  const line = (more: Partial<Line>): Line => ({
    image: "a/b",
    tags: "1.",
    looked: "2026-01-01",
    source: "https://x",
    ...more,
  });
  const warned = (reference: string, today: string, more: Partial<Line>): string[] =>
    supportWarnings([reference], [line(more)], today);

  it("begin 90 days before the end", () => {
    const until = { until: "2026-12-31" };
    assert.deepEqual(warned("a/b:1.2", "2026-10-01", until), []);
    assert.match(warned("a/b:1.2", "2026-10-02", until).join(), /after 2026-12-31, in 90 days/);
    assert.match(warned("a/b:1.2", "2026-12-31", until).join(), /in 0 days/);
    assert.match(warned("a/b:1.2", "2027-01-01", until).join(), /nobody mends it since 2026-12-31/);
  });
  it("ask somebody to look where nobody names an end", () => {
    const ends = { ends: "with the next release" };
    assert.deepEqual(warned("a/b:1.2", "2026-04-01", ends), []);
    assert.match(
      warned("a/b:1.2", "2026-04-02", ends).join(),
      /with the next release, and nobody looked since 2026-01-01/,
    );
  });
  it("know an image by its tag, with a digest or the name of Docker Hub's host, and say nothing of others", () => {
    const until = { until: "2025-12-31" };
    for (const same of [`a/b:1.2@sha256:${"0".repeat(64)}`, "docker.io/a/b:1.2", "docker.io/library/c:1.2"])
      assert.equal(
        supportWarnings([same], [line({ ...until, image: same.includes("/c:") ? "c" : "a/b" })], "2026-01-01").length,
        1,
        same,
      );
    for (const other of ["a/b:2.1", "registry.example.org/a/b:1.2", "a/b"])
      assert.deepEqual(warned(other, "2026-01-01", until), [], other);
  });
  it("name what has ended of what the systems run today", () =>
    assert.deepEqual(
      supportWarnings(Object.values(systems.assistant.images), lines, "2026-11-27").map((text) => text.split(":")[0]),
      ["jaegertracing/jaeger"],
    ));
});
