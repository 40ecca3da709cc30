/** MongoDB, or what speaks its protocol, as a test sees it: by the client that the job of log-ins has. */
import assert from "node:assert/strict";
import { command, good } from "../stack/command.ts";
import type { Project } from "../stack/project.ts";
import type { Store } from "./store.ts";

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
  secret: "mongoPassword",
  by: "set",
  file: "mongo-url",
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

const ASK = `import json, sys
from stores.mongo import admin
import os
database = admin()[os.environ["MONGO_DATABASE"]]
asked = json.load(sys.stdin)
print(json.dumps(list(database[asked["collection"]].find(asked["filter"], asked["fields"])), default=str))
`;

/** Documents, as the superuser sees them. @param fields Field → 1. */
export async function documents<T>(
  project: Project,
  collection: string,
  filter: object,
  fields: Readonly<Record<string, 1>>,
): Promise<T[]> {
  const container = await project.container("mongo-users");
  const input = JSON.stringify({ collection, filter, fields });
  const { output } = await good(command("docker", ["exec", "-i", container, "python", "-c", ASK], { input }));
  return JSON.parse(output) as T[];
}
