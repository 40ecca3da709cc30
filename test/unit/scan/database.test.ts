import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { databaseFor } from "../../../scan/database.ts";

/** Where neither Trivy's database can be fetched nor one be made; test/soak/scan.test.ts has those that can. */
describe("scan/database", () => {
  const { PATH } = process.env;
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "berth-database-"));
    process.env["PATH"] = folder;
  });
  after(() => {
    process.env["PATH"] = PATH;
    rmSync(folder, { recursive: true });
  });

  it("says why there is none", async () =>
    assert.equal(
      await databaseFor(join(folder, "nothing"), folder),
      "Trivy's database cannot be fetched: spawn trivy ENOENT",
    ));
  it("refuses entries that it can do nothing with, and says what they need", () =>
    assert.rejects(
      databaseFor(folder, folder),
      /^Error: the OSV entries in \S+ need trivy-database: bench\/scan\/build\.sh/,
    ));
});
