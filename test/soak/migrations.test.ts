/**
 * Migrations on real data, under load: forward, back behind the release, back behind the schema, and those that fail
 * (docs/promises.md 1, 3 and 4).
 */
import assert from "node:assert/strict";
import { eventually, good, unchanged } from "../stack/command.ts";
import { Prometheus } from "../stack/prometheus.ts";
import { Stack } from "../stack/stack.ts";
import { fill, schemaOf, Snapshot } from "../systems/assistant/data.ts";
import { assistant } from "../systems/assistant/driver.ts";
import { later, NEWEST } from "../systems/assistant/schema.ts";

const STACK = "e2e-migrations";
/** Revisions that are written here, behind the checkout's newest. */
const [NEXT, SECOND, THIRD] = [later(1), later(2), later(3)];
const HALF = { share: 0.5, slow: 4 } as const;

describe("migrations", function () {
  this.timeout(1_800_000);
  const stack = new Stack(assistant, { stack: STACK, portOffset: 19000 });
  const { project } = stack;
  let prometheus: Prometheus;
  /** What names the container that migrates. */
  let migrates: RegExp;

  /** A migration in the copy of the project; returns what takes it out again. */
  function revision(number: string, before: string, up: string, down: string): () => void {
    const file = `services/assistant/src/migrations/versions/${number}_test.py`;
    const lines = [
      `"""Revision ${number}."""\nfrom alembic import op\n`,
      `revision = "${number}"\ndown_revision = "${before}"\ndestructive = False\n`,
      `\ndef upgrade():\n    ${up}\n\n\ndef downgrade():\n    ${down}\n`,
    ];
    project.write(file, lines.join("\n"));
    return () => project.delete(file);
  }
  const sql = (text: string) => `op.execute("${text}")`;
  const up = async (): Promise<void> => {
    await good(project.script("up", STACK));
  };

  /** What the stack says, what the database says, and what every container of the applications sees. */
  async function assertAt(expected: string): Promise<void> {
    assert.equal(await project.output("schemaVersion"), expected);
    assert.equal(await stack.query("SELECT version_num FROM alembic_version;"), expected);
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
    await stack.create();
    const { system, schemaVersion, urls } = project.plan();
    migrates = new RegExp(`${system}-${STACK}-${schemaVersion!.madeBy}`);
    prometheus = new Prometheus(urls["prometheus"]!);
    await stack.start();
    // The same once more by bin/up, which keeps the release.
    await up();
    await fill(stack);
    data = await Snapshot.take(stack);
    original = await schemaOf(stack);
  });
  after(() => project.remove());

  it("the schema's version is an output and a metric; an up that changes nothing leaves it", async () => {
    await assertAt(NEWEST);
    const { code, output } = await project.pulumi("preview", "--stack", STACK, "--expect-no-changes");
    assert.equal(code, 0, output);
    assert.doesNotMatch(output, /schemaVersion/);
    await unchanged(project.up());
    assert.equal(await project.output("schemaVersion"), NEWEST);
  });

  it("forward: a migration that adds loses no request and no row, and what it adds can be used", async () => {
    revision(
      NEXT,
      NEWEST,
      sql(
        "ALTER TABLE events ADD COLUMN note text; CREATE INDEX events_by_note ON events (note) WHERE note IS NOT NULL",
      ),
      sql("ALTER TABLE events DROP COLUMN note"),
    );
    await stack.lossless(up, HALF);
    await data.assertWhole();
    await assertAt(NEXT);
    assert.equal(
      await stack.query(
        `SET ROLE app_owner;
         WITH noted AS (UPDATE events SET note = 'seen' WHERE payload ? 'n' RETURNING 1) SELECT count(*) FROM noted;`,
      ),
      "20000",
    );
    console.log(`      ${data.rows} rows whole`);
  });

  it("a checksum that sees a changed row, and rows that are gone (negative control)", async () => {
    const id = await stack.query("SELECT id FROM events WHERE payload ? 'n' LIMIT 1;");
    await stack.query(`UPDATE events SET payload = payload || '{"n": -1}' WHERE id = '${id}';`);
    await assert.rejects(data.assertWhole());
    await stack.query(`DELETE FROM events WHERE id = '${id}';`);
    await assert.rejects(data.assertWhole());
    data = await Snapshot.take(stack);
  });

  it("back behind the release: the former one runs on the newer schema, and the output tells the schema's version, not the release's", async () => {
    const back = async (): Promise<void> => {
      await good(project.script("rollback", STACK));
    };
    await stack.lossless(back, HALF);
    await data.assertWhole();
    await assertAt(NEXT);
  });

  it("back behind the schema: refused where it removes data, and nothing changes", async () => {
    await up();
    const before = await schemaOf(stack);
    project.configure({ "berth:schema": NEWEST });
    const refused = `going back behind ${NEXT} .* removes data[\\s\\S]*berth:allowDestructiveMigrations ${NEXT}`;
    await stack.failsClosed(() => undefined, [migrates, new RegExp(refused)]);
    assert.equal(await schemaOf(stack), before);
    await data.assertWhole();
  });

  it("back behind the schema: allowed by name, it is exactly the one before, under load, and can go forward again", async () => {
    project.configure({ "berth:allowDestructiveMigrations": NEXT });
    const kept = new Set(
      (await stack.query("SELECT column_name FROM information_schema.columns WHERE table_name = 'events';")).split(
        "\n",
      ),
    );
    assert.ok(kept.has("note"));
    await stack.lossless(up, HALF);
    assert.equal(await schemaOf(stack), original);
    await assertAt(NEWEST);
    project.configure({ "berth:schema": undefined, "berth:allowDestructiveMigrations": undefined });
    await up();
    await assertAt(NEXT);
    assert.equal(
      await stack.query("SELECT count(*) FROM events WHERE note IS NOT NULL;"),
      "0",
      "what the column held is gone for good",
    );
    data = await Snapshot.take(stack);
  });

  it("failing halfway, behind one that would work: the schema is exactly as before, no application is replaced", async () => {
    const before = await schemaOf(stack);
    revision(SECOND, NEXT, sql("CREATE TABLE half (id int)"), sql("DROP TABLE half"));
    const fails = revision(
      THIRD,
      SECOND,
      sql("ALTER TABLE tasks ADD COLUMN half text; ALTER TABLE nowhere ADD COLUMN half text"),
      "pass",
    );
    await stack.failsClosed(() => undefined, [migrates, /nowhere\W+does not exist/]);
    assert.equal(await schemaOf(stack), before);
    assert.equal(await stack.query("SELECT version_num FROM alembic_version;"), NEXT);
    await data.assertWhole();
    // The comparison sees what the one that works would have done (negative control).
    fails();
    await up();
    assert.notEqual(await schemaOf(stack), before);
    await assertAt(SECOND);
  });

  it("one that only renames breaks what runs, and the load sees it (negative control); the way back mends it", async () => {
    revision(
      THIRD,
      SECOND,
      sql("ALTER TABLE events RENAME COLUMN payload TO body"),
      sql("ALTER TABLE events RENAME COLUMN body TO payload"),
    );
    const { failures } = await stack.underLoad(up, HALF);
    assert.ok(
      Object.keys(failures).some((failure) => /^POST .*: status 500 \(not a passing failure\)$/.test(failure)),
      JSON.stringify(failures),
    );
    project.configure({ "berth:schema": SECOND });
    await up();
    await assertAt(SECOND);
    await data.assertWhole();
    assert.ok((await stack.session.get("/v1/events")).status < 300);
  });
});
