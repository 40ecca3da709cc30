/** What Kailash keeps, counted where it is kept. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { Write } from "../../load/load.ts";
import type { Stack } from "../../stack/stack.ts";
import type { World } from "../../stack/world.ts";
import { cypher } from "../../stores/neo4j.ts";
import { numbers, PostgresDrill, quoted } from "../../stores/postgres.ts";
import type { Effect, Jobs } from "../driver.ts";

const TEXT = "Grace Hopper wrote a compiler. She met Howard Aiken at Harvard.";
/** The title of a document is the id of the write: a second execution would make a second one of that title. */
const write = (id: string): Write => ({
  path: "/v1/documents",
  body: { title: id, text: TEXT },
  headers: { "idempotency-key": id },
});
const counted = async (stack: Stack, ids: readonly string[], where = "true"): Promise<Map<string, number>> =>
  numbers(
    await stack.query(
      `SELECT title, count(*) FROM documents WHERE title IN (${quoted(ids)}) AND ${where} GROUP BY title;`,
    ),
  );

/** A document is stored when it is acknowledged. */
export const stored: Effect = { write, count: (stack, ids) => counted(stack, ids) };
/** The indexer makes it findable. */
export const indexed: Effect = { write, count: (stack, ids) => counted(stack, ids, "state = 'indexed'"), within: 180 };

/** Characters that are indexed in a second, about: how long it takes cannot be asked for. */
const SPEED = 40_000;
/** A document has 200,000 characters at most. */
const LONGEST = 4;

export const jobs: Jobs = {
  worker: "dataflow",
  begin: async (session, seconds) => {
    const sentences = (Math.min(seconds, LONGEST) * SPEED) / 50;
    const text = Array.from({ length: sentences }, (_, n) => `Number ${n} of Ada is ${randomUUID()}.`);
    const { status, body } = await session.post("/v1/documents", { title: "long", text: text.join(" ") });
    assert.equal(status, 202, JSON.stringify(body));
    return (body as { id: string }).id;
  },
  running: async (stack, ids) =>
    Number(await stack.query(`SELECT count(*) FROM claims WHERE document IN (${quoted(ids)}) AND until > now();`)),
  // Once done, how often its first passage is there: two indexers would make two.
  done: async (stack, ids) =>
    numbers(
      await stack.query(
        `SELECT d.id, count(p.id) FROM documents d JOIN passages p ON p.document = d.id AND p.position = 0
         WHERE d.id IN (${quoted(ids)}) AND d.state = 'indexed' GROUP BY d.id;`,
      ),
    ),
};

/** Rows of its own beside documents, their vectors and the graph: all of it is lost, and comes back. */
export class KailashDrill extends PostgresDrill {
  override async lose({ stack }: World): Promise<void> {
    await stack.query("TRUNCATE drill, documents, passages, passage_vectors, claims;");
    await cypher(stack.project, "MATCH (n) WHERE n:Document OR n:Entity DETACH DELETE n");
    const left = "SELECT (SELECT count(*) FROM drill) + (SELECT count(*) FROM documents);";
    assert.equal(await stack.query(left), "0");
    assert.deepEqual(await cypher(stack.project, "MATCH (e:Entity) RETURN count(e)"), [[0]]);
  }
}
