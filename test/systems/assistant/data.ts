/** Real data of the assistant, and how it is known to be whole. */
import assert from "node:assert/strict";
import { docker } from "../../stack/command.ts";
import type { Project } from "../../stack/project.ts";
import type { Stack } from "../../stack/stack.ts";
import { quoted } from "../../stores/postgres.ts";
import { redisCli } from "../../stores/redis.ts";

const TABLES = ["users", "tasks", "events", "jobs", "messages", "memories", "reminders"] as const;

/** Rows of every table: some by the way users make them, thousands by SQL. */
export async function fill(stack: Stack, rows = 20_000): Promise<void> {
  for (let i = 0; i < 5; i++) {
    for (const [path, body] of [
      ["/v1/tasks", { title: `task ${i}` }],
      ["/v1/messages", { text: `remember that number ${i} is mine` }],
    ] as const) {
      const { status, body: said } = await stack.session.post(path, body);
      assert.ok(status < 300, `${path}: ${status} ${JSON.stringify(said)}`);
    }
  }
  await stack.query(
    `INSERT INTO events (user_id, id, payload)
       SELECT (SELECT id FROM users LIMIT 1), gen_random_uuid(), jsonb_build_object('n', n, 'text', md5(n::text))
       FROM generate_series(1, ${rows}) n;
     INSERT INTO memories (user_id, kind, content)
       SELECT (SELECT id FROM users LIMIT 1), 'note', md5(n::text) FROM generate_series(1, ${rows}) n;`,
  );
}

/** Rows and checksum by table of all that is there now, in the columns of now: no row or column of later counts. */
export class Snapshot {
  readonly rows: number;
  readonly #stack: Stack;
  readonly #sql: string;
  readonly #found: string;
  private constructor(stack: Stack, sql: string, found: string) {
    this.#stack = stack;
    this.#sql = sql;
    this.#found = found;
    this.rows = found.split("\n").reduce((sum, line) => sum + Number(line.split("|")[1]), 0);
  }
  static async take(stack: Stack): Promise<Snapshot> {
    const moment = await stack.query("SELECT clock_timestamp();");
    const columns = await stack.query(
      `SELECT table_name, string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position)
       FROM information_schema.columns
       WHERE table_schema = 'public' AND table_name IN (${quoted(TABLES)}) GROUP BY 1 ORDER BY 1;`,
    );
    const sql = columns
      .split("\n")
      .map((line) => line.split("|") as [string, string])
      .map(
        ([table, names]) =>
          `SELECT '${table}', count(*), coalesce(sum(hashtextextended(ROW(${names})::text, 0)::numeric), 0)
           FROM ${table} WHERE created_at <= '${moment}';`,
      )
      .join("\n");
    return new Snapshot(stack, sql, await stack.query(sql));
  }
  async assertWhole(): Promise<void> {
    assert.equal(await this.#stack.query(this.#sql), this.#found);
  }
}

/** The schema as pg_dump writes it. What differs from run to run is left out. */
export async function schemaOf({ project }: Stack): Promise<string> {
  const { database } = project.plan();
  const container = await project.container("postgres");
  const dump = await docker("exec", container, "pg_dump", "--schema-only", "-U", "postgres", "-d", database!);
  return dump
    .split("\n")
    .filter((line) => !/^\\(un)?restrict /.test(line))
    .join("\n");
}

const HASHES = `local all = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  table.insert(all, redis.call('TYPE', key).ok .. ' ' .. key .. ' ' .. redis.sha1hex(redis.call('DUMP', key)))
end
return all`;

/** Every key of Redis, behind its type, with a hash of its value. */
async function keysOf(project: Project): Promise<Map<string, string>> {
  return new Map(
    (await redisCli(project, "EVAL", HASHES, "0"))
      .split("\n")
      .filter(Boolean)
      .map((line): [string, string] => [line.slice(0, line.lastIndexOf(" ")), line.slice(line.lastIndexOf(" ") + 1)]),
  );
}

/** Those that nothing changes: not the queue, which is worked on, nor berth:users, in which a release notes itself. */
export const lastingKeys = async (project: Project): Promise<Map<string, string>> =>
  new Map(
    [...(await keysOf(project))].filter(([key]) => !/^\w+ (assistant|unacked|_kombu|rate|berth:users)/.test(key)),
  );
