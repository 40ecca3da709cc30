/** Neo4j, as a test sees it: by the client that the job of log-ins has. */
import assert from "node:assert/strict";
import { command, good } from "../stack/command.ts";
import type { Project } from "../stack/project.ts";
import type { Store } from "./store.ts";

const LOGIN = `import os, sys
from berth.neo4j_admin import Neo4j, Refused
try:
    Neo4j("neo4j", os.environ["WHO"], os.environ["PASSWORD"]).rows("RETURN 1")
except Refused as error:
    sys.exit(f"refused: {error.code}")
`;

export const neo4j: Store = {
  title: "Neo4j",
  service: "neo4j",
  secret: "neo4jPassword",
  by: "set",
  login: "neo4j-users",
  alert: "Neo4jDown",
  dependency: "graph",
  file: "neo4j-auth",
  lets: async ({ project }, { username, password }) => {
    const container = await project.container("neo4j-users");
    // In the environment: the engine's events tell of arguments.
    const as = ["--env", `WHO=${username}`, "--env", `PASSWORD=${password}`];
    const { code, output } = await command("docker", ["exec", ...as, container, "python", "-c", LOGIN]);
    // Whatever else goes wrong is no refusal.
    if (code !== 0) assert.match(output, /refused: Neo\.ClientError\.Security\.Unauthorized/);
    return code === 0;
  },
};

const ASK = `import json, sys
from stores.neo4j import admin
print(json.dumps(admin().rows(sys.stdin.read())))
`;

/** Rows of a query, as the first user sees them. */
export async function cypher(project: Project, statement: string): Promise<unknown[][]> {
  const container = await project.container("neo4j-users");
  const asked = command("docker", ["exec", "-i", container, "python", "-c", ASK], { input: statement });
  return JSON.parse((await good(asked)).output) as unknown[][];
}
