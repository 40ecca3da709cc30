/** PostgreSQL, as a test sees it. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { resourceName } from "../../plan/names.ts";
import { command, docker } from "../stack/command.ts";
import { named } from "../stack/engine.ts";
import type { Stack } from "../stack/stack.ts";
import type { World } from "../stack/world.ts";
import { redisCli } from "./redis.ts";
import type { Drill, Store } from "./store.ts";

export const postgres: Store = {
  title: "PostgreSQL",
  service: "postgres",
  login: "postgres-roles",
  secret: "postgresPassword",
  by: "set",
  file: "database-url",
  alert: "PostgresDown",
  dependency: "database",
  settings: (device) => ({ "berth:postgres": { device, maxConnections: 200, statementTimeout: 10 } }),
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

export class PostgresDrill implements Drill {
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
  async bytes(): Promise<number> {
    return Number(await this.#stack.query(`SELECT pg_database_size('${this.#stack.project.plan().database}');`));
  }
  /** bin/down leaves nothing but the data: bin/up finds that of Redis, and makes that of PostgreSQL anew. */
  async lose(world: World): Promise<void> {
    const { project } = this.#stack;
    const volume = await named(project, "volume", "postgres-data");
    // By a script: Redis once dropped what scripts and transactions had written, at every start (data/redis/base.acl).
    await redisCli(project, "EVAL", "return redis.call('SET', 'kept', 'still here')", "0");
    world.say("bin/down of the drill", await project.script("down", project.stack));
    const { system, stack: name, services } = project.known.plan;
    const kept = services.flatMap(({ volumes = [] }) => volumes.filter(({ keep }) => keep === "data"));
    const data = kept.map((one) => `volume ${resourceName(system, name, one.name)}`);
    assert.deepEqual(await project.objects(), [...new Set(data)].sort());
    await docker("volume", "rm", volume);
    // The volume was a folder of this machine, which the engine leaves as it is: the data is still there.
    assert.notDeepEqual(world.disk.empty(postgres.service), []);
    assert.deepEqual(readdirSync(join(world.disk.path, postgres.service)), []);
    world.say("bin/up of the drill", await project.script("up", project.stack));
    const gone = await this.#stack.query("SELECT to_regclass('drill') IS NULL;");
    assert.equal(gone, "t", "the data is still there: the test deletes nothing");
    assert.equal(await redisCli(project, "GET", "kept"), "still here");
  }
}
