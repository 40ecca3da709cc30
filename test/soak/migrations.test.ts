/** Migrations on real data, under load: forward, back behind the release, back behind the schema, and those that fail (issue 6.8). */
import assert from "node:assert/strict";
import { Prometheus } from "../e2e/prometheus.ts";
import { good, Serving } from "../e2e/serving.ts";
import { eventually } from "../e2e/support.ts";
import { fill, schemaOf, Snapshot } from "./data.ts";

const STACK = "e2e-migrations";
const OFFSET = 19000;
const UNCHANGED = /Resources:\s+\d+ unchanged\s/;
const HALF = { share: 0.5, slow: 4 } as const;

describe("migrations", function () {
  this.timeout(1_800_000);
  const serving = new Serving({ stack: STACK, portOffset: OFFSET });
  const { project } = serving;
  const prometheus = new Prometheus(`http://127.0.0.1:${9090 + OFFSET}`);

  /** A migration in the copy of the project; returns what takes it out again. */
  function revision(number: string, before: string, up: string, down: string): () => void {
    const file = `services/assistant/src/migrations/versions/${number}_test.py`;
    project.write(
      file,
      `"""Revision ${number}."""\nfrom alembic import op\n\nrevision = "${number}"\ndown_revision = "${before}"\ndestructive = False\n\n\ndef upgrade():\n    ${up}\n\n\ndef downgrade():\n    ${down}\n`,
    );
    return () => project.delete(file);
  }
  const sql = (text: string) => `op.execute("${text}")`;
  const up = () => project.script("up", STACK);

  /** What the stack says, what the database says, and what every container of the applications sees. */
  async function assertAt(expected: string): Promise<void> {
    assert.equal(await project.output("schemaVersion"), expected);
    assert.equal(await serving.query("SELECT version_num FROM alembic_version;"), expected);
    await eventually(async () => {
      const seen = await prometheus.query("count by (revision) (assistant_schema_info)");
      assert.deepEqual(
        seen.map(({ metric }) => metric["revision"]),
        [expected],
      );
    }, 60);
  }

  let data: Snapshot, original: string;
  before(async () => {
    await serving.start();
    // The same once more by bin/up, which keeps the release.
    await good(up());
    await fill(serving);
    data = await Snapshot.take(serving);
    original = await schemaOf(serving);
  });
  after(() => project.remove());

  it("the schema's version is an output and a metric; an up that changes nothing leaves it", async () => {
    await assertAt("0002");
    const { code, output } = await project.pulumi("preview", "--stack", STACK, "--expect-no-changes");
    assert.equal(code, 0, output);
    assert.doesNotMatch(output, /schemaVersion/);
    const again = await project.up();
    assert.match(again.output, UNCHANGED);
    assert.equal(await project.output("schemaVersion"), "0002");
  });

  it("forward: a migration that adds loses no request and no row, and what it adds can be used", async () => {
    revision(
      "0003",
      "0002",
      sql(
        "ALTER TABLE events ADD COLUMN note text; CREATE INDEX events_by_note ON events (note) WHERE note IS NOT NULL",
      ),
      sql("ALTER TABLE events DROP COLUMN note"),
    );
    await serving.assertLossless(await serving.underLoad(() => good(up()), HALF));
    await data.assertWhole();
    await assertAt("0003");
    assert.equal(
      await serving.query(
        "SET ROLE app_owner; WITH noted AS (UPDATE events SET note = 'seen' WHERE payload ? 'n' RETURNING 1) SELECT count(*) FROM noted;",
      ),
      "20000",
    );
    console.log(`      ${data.rows} rows whole`);
  });

  it("a checksum that sees a changed row, and rows that are gone (negative control)", async () => {
    const id = await serving.query("SELECT id FROM events WHERE payload ? 'n' LIMIT 1;");
    await serving.query(`UPDATE events SET payload = payload || '{"n": -1}' WHERE id = '${id}';`);
    await assert.rejects(data.assertWhole());
    await serving.query(`DELETE FROM events WHERE id = '${id}';`);
    await assert.rejects(data.assertWhole());
    data = await Snapshot.take(serving);
  });

  it("back behind the release: the former one runs on the newer schema, and the output tells the schema's version, not the release's", async () => {
    await serving.assertLossless(await serving.underLoad(() => good(project.script("rollback", STACK)), HALF));
    await data.assertWhole();
    await assertAt("0003");
  });

  it("back behind the schema: refused where it removes data, and nothing changes", async () => {
    await good(up());
    const before = await schemaOf(serving);
    project.configure({ "berth:schema": "0002" });
    await serving.failsClosed(
      () => undefined,
      [
        new RegExp(`assistant-${STACK}-migrate`),
        /going back behind 0003 .* removes data[\s\S]*berth:allowDestructiveMigrations 0003/,
      ],
    );
    assert.equal(await schemaOf(serving), before);
    await data.assertWhole();
  });

  it("back behind the schema: allowed by name, it is exactly the one before, under load, and can go forward again", async () => {
    project.configure({ "berth:allowDestructiveMigrations": "0003" });
    const kept = new Set(
      (await serving.query("SELECT column_name FROM information_schema.columns WHERE table_name = 'events';")).split(
        "\n",
      ),
    );
    assert.ok(kept.has("note"));
    await serving.assertLossless(await serving.underLoad(() => good(up()), HALF));
    assert.equal(await schemaOf(serving), original);
    await assertAt("0002");
    project.configure({ "berth:schema": undefined, "berth:allowDestructiveMigrations": undefined });
    await good(up());
    await assertAt("0003");
    assert.equal(
      await serving.query("SELECT count(*) FROM events WHERE note IS NOT NULL;"),
      "0",
      "what the column held is gone for good",
    );
    data = await Snapshot.take(serving);
  });

  it("failing halfway, behind one that would work: the schema is exactly as before, no application is replaced", async () => {
    const before = await schemaOf(serving);
    revision("0004", "0003", sql("CREATE TABLE half (id int)"), sql("DROP TABLE half"));
    const fails = revision(
      "0005",
      "0004",
      sql("ALTER TABLE tasks ADD COLUMN half text; ALTER TABLE nowhere ADD COLUMN half text"),
      "pass",
    );
    await serving.failsClosed(() => undefined, [new RegExp(`assistant-${STACK}-migrate`), /nowhere\W+does not exist/]);
    assert.equal(await schemaOf(serving), before);
    assert.equal(await serving.query("SELECT version_num FROM alembic_version;"), "0003");
    await data.assertWhole();
    // The comparison sees what the one that works would have done (negative control).
    fails();
    await good(up());
    assert.notEqual(await schemaOf(serving), before);
    await assertAt("0004");
  });

  it("one that only renames breaks what runs, and the load sees it (negative control); the way back mends it", async () => {
    revision(
      "0005",
      "0004",
      sql("ALTER TABLE events RENAME COLUMN payload TO body"),
      sql("ALTER TABLE events RENAME COLUMN body TO payload"),
    );
    const { failures } = await serving.underLoad(() => good(up()), HALF);
    assert.ok(
      Object.keys(failures).some((failure) => /^POST .*: status 500 \(not a passing failure\)$/.test(failure)),
      JSON.stringify(failures),
    );
    project.configure({ "berth:schema": "0004" });
    await good(up());
    await assertAt("0004");
    await data.assertWhole();
    assert.ok((await serving.client.get("/v1/events")).status < 300);
  });
});
