/** Archives, as docker export writes them. */
import assert from "node:assert/strict";
import { linkSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { create } from "tar";
import { parse } from "../../../scan/export.ts";

describe("scan/export", () => {
  const deep = `${"long".repeat(40)}/${"folder".repeat(20)}/wanted`;
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "berth-export-"));
    for (const [path, text] of Object.entries({ [deep]: "text", large: "x".repeat(300_000) })) {
      mkdirSync(join(folder, dirname(path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    linkSync(join(folder, deep), join(folder, `${deep}.too`));
  });
  after(() => rmSync(folder, { recursive: true }));
  const archive = (): Buffer => create({ cwd: folder, sync: true }, ["."]).read()!;
  const isWanted = (path: string): boolean => path.includes("wanted");

  it("names every file, long names and hard links included, and keeps only what is wanted", async () => {
    const { entries, files } = await parse(Readable.from([archive()]), isWanted);
    assert.deepEqual([...files].sort(), [
      [deep, "text"],
      [`${deep}.too`, "text"],
    ]);
    assert.equal(entries.find(({ path }) => path === "large")!.size, 300_000);
  });
  it("refuses an archive that is cut off: half of its files would look like all", async () => {
    await assert.rejects(parse(Readable.from([archive().subarray(0, 100_000)]), isWanted));
  });
});
