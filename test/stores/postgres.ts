/** PostgreSQL, as a test sees it. */
import assert from "node:assert/strict";
import { command } from "../stack/command.ts";
import type { Stack } from "../stack/stack.ts";
import type { Store } from "./store.ts";

export const postgres: Store = {
  title: "PostgreSQL",
  service: "postgres",
  secret: "postgresPassword",
  by: "set",
  file: "database-url",
  lets: async ({ project }, { username, password }) => {
    const { database } = project.plan();
    const container = await project.container("postgres");
    const login = ["psql", "-qX", "-h", "127.0.0.1", "-U", username, "-d", database!, "-c", "SELECT 1"];
    const { code, output } = await command("docker", ["exec", "-e", `PGPASSWORD=${password}`, container, ...login]);
    // Whatever else goes wrong is no refusal.
    if (code !== 0) assert.match(output, /authentication failed|does not exist/);
    return code === 0;
  },
};

/** Titles of the processes that serve the applications, and of the main one. */
export const PROCESSES = { connection: /^postgres: app_/, main: /^(\S+\/)?postgres -c/ } as const;

/** A column of numbers, by id: `id|number` lines to a map. */
export const numbers = (rows: string): Map<string, number> =>
  new Map(
    rows
      .split("\n")
      .filter(Boolean)
      .map((row) => row.split("|") as [string, string])
      .map(([id, count]): [string, number] => [id, Number(count)]),
  );
export const quoted = (ids: readonly string[]): string => ids.map((id) => `'${id}'`).join(",");

/** Rows that carry a checksum of their own: what a restore is judged by. */
export class Drill {
  readonly #stack: Stack;
  constructor(stack: Stack) {
    this.#stack = stack;
  }
  async create(): Promise<void> {
    await this.#stack.query(
      `SET ROLE app_owner; CREATE TABLE drill (id bigserial PRIMARY KEY, body text NOT NULL, sum text NOT NULL,
       created_at timestamptz NOT NULL DEFAULT clock_timestamp());`,
    );
  }
  async write(rows: number): Promise<void> {
    await this.#stack.query(
      `SET ROLE app_owner; INSERT INTO drill (body, sum) SELECT body, md5(body) FROM (
         SELECT string_agg(md5(random()::text), '') AS body
         FROM generate_series(1, ${rows}) n, generate_series(1, 30) part GROUP BY n) AS made;`,
    );
  }
  /** Rows up to an id; those among all whose checksum is wrong; rows after it. */
  async look(last: string): Promise<{ readonly there: number; readonly wrong: number; readonly later: number }> {
    const row = await this.#stack.query(
      `SELECT count(*) FILTER (WHERE id <= ${last}), count(*) FILTER (WHERE sum <> md5(body)),
              count(*) FILTER (WHERE id > ${last}) FROM drill;`,
    );
    const [there, wrong, later] = row.split("|").map(Number) as [number, number, number];
    return { there, wrong, later };
  }
  last(): Promise<string> {
    return this.#stack.query("SELECT max(id) FROM drill;");
  }
  count(): Promise<string> {
    return this.#stack.query("SELECT count(*) FROM drill;");
  }
}
