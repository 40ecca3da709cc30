/** MongoDB, or what speaks its protocol, as a test sees it: by the client that the job of log-ins has. */
import assert from "node:assert/strict";
import { command, good } from "../stack/command.ts";
import type { Project } from "../stack/project.ts";
import type { Stack } from "../stack/stack.ts";
import type { Drill, Store } from "./store.ts";

const LOGIN = `import os, sys
from pymongo import MongoClient
from pymongo.errors import OperationFailure
try:
    client = MongoClient("mongo", username=os.environ["WHO"], password=os.environ["PASSWORD"], authSource="admin",
                         serverSelectionTimeoutMS=5000)
    client[os.environ["MONGO_DATABASE"]].list_collection_names()
except OperationFailure as error:
    sys.exit(f"refused: {error.code}")
`;

export const mongo: Store = {
  title: "MongoDB",
  service: "mongo",
  login: "mongo-users",
  secret: "mongoPassword",
  by: "set",
  file: "mongo-url",
  alert: "MongoDown",
  dependency: "mongo",
  lets: async ({ project }, { username, password }) => {
    const container = await project.container("mongo-users");
    // In the environment: the engine's events tell of arguments.
    const as = ["--env", `WHO=${username}`, "--env", `PASSWORD=${password}`];
    const { code, output } = await command("docker", ["exec", ...as, container, "python", "-c", LOGIN]);
    // Whatever else goes wrong is no refusal: 18 is a wrong password, or a user that there is not.
    if (code !== 0) assert.match(output, /refused: 18/);
    return code === 0;
  },
};

/** Runs Python where the superuser's log-in is; `database` is the system's. @param asked Given as `asked`. */
async function run(project: Project, lines: string, asked: unknown): Promise<string> {
  const program = `import json, os, sys
from stores.mongo import admin
database, asked = admin()[os.environ["MONGO_DATABASE"]], json.load(sys.stdin)
${lines}`;
  const container = await project.container("mongo-users");
  // By standard input: thousands of ids are too long for a command line.
  const input = JSON.stringify(asked);
  const { output } = await good(command("docker", ["exec", "-i", container, "python", "-c", program], { input }));
  return output.trim();
}

/** Documents, as the superuser sees them. @param fields Field → 1. */
export async function documents<T>(
  project: Project,
  collection: string,
  filter: object,
  fields: Readonly<Record<string, 1>>,
): Promise<T[]> {
  const find = 'found = database[asked["collection"]].find(asked["filter"], asked["fields"])';
  const print = "print(json.dumps(list(found), default=str))";
  return JSON.parse(await run(project, `${find}\n${print}`, { collection, filter, fields })) as T[];
}

export class MongoDrill implements Drill {
  readonly #project: Project;
  /** Deletes what the system keeps beside the documents, and says what is left of it: "". */
  readonly #besides: () => Promise<string>;
  #last = 0;
  constructor({ project }: Stack, besides: () => Promise<string>) {
    this.#project = project;
    this.#besides = besides;
  }

  create(): Promise<void> {
    return Promise.resolve();
  }
  async write(rows: number): Promise<void> {
    const made = `from hashlib import md5
def one(n):
    body = os.urandom(480).hex()
    return {"_id": n, "body": body, "sum": md5(body.encode()).hexdigest()}
first, end = asked
for n in range(first, end, 500):
    database.drill.insert_many(one(n) for n in range(n, min(n + 500, end)))`;
    await run(this.#project, made, [this.#last + 1, this.#last + 1 + rows]);
    this.#last += rows;
  }
  async look(last: string): Promise<{ readonly there: number; readonly wrong: number; readonly later: number }> {
    const look = `from hashlib import md5
found = [(one["_id"] <= asked, one["sum"] == md5(one["body"].encode()).hexdigest()) for one in database.drill.find()]
there = sum(before for before, _ in found)
print(json.dumps({"there": there, "wrong": sum(not right for _, right in found), "later": len(found) - there}))`;
    return JSON.parse(await run(this.#project, look, Number(last))) as Awaited<ReturnType<Drill["look"]>>;
  }
  last(): Promise<string> {
    return Promise.resolve(String(this.#last));
  }
  async bytes(): Promise<number> {
    return Number(await run(this.#project, 'print(int(database.command("dbStats")["dataSize"]))', null));
  }
  /** Every document, and what is kept beside them. */
  async lose(): Promise<void> {
    const lose = `for name in database.list_collection_names():
    database[name].delete_many({})
print(sum(database[name].count_documents({}) for name in database.list_collection_names()))`;
    assert.equal(await run(this.#project, lose, null), "0");
    assert.equal(await this.#besides(), "");
  }
}
