/** How Kailash looks from outside. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { Stack } from "../../stack/stack.ts";
import { eventually } from "../../stack/command.ts";
import { cypher, neo4j } from "../../stores/neo4j.ts";
import { postgres } from "../../stores/postgres.ts";
import { redis } from "../../stores/redis.ts";
import type { Amid, Credential, Driver, Session } from "../driver.ts";
import { broken } from "./broken.ts";
import { budgetOf } from "./budgets.ts";
import { Client, type Found, TOKEN } from "./client.ts";
import { indexed, jobs, KailashDrill, stored } from "./data.ts";
import { journeys } from "./journeys.ts";
import { calledOnce, Holder } from "./websocket.ts";

/** Who has the token from before goes on, and nobody gets in with a wrong one. */
const apiToken: Credential = {
  secret: "apiToken",
  by: "rotate",
  watch: (stack) => {
    const status = async (token: string) => (await new Client(stack.edge, token).get("/v1/documents?limit=1")).status;
    return Promise.resolve(async () => {
      assert.equal(await status(TOKEN), 200, "of before the rotation");
      assert.equal(await status("a token that never was one"), 401);
    });
  },
};

/** Neo4j's first user, whom nobody but the job of log-ins is. */
const neo4jAdminPassword: Credential = {
  secret: "neo4jAdminPassword",
  by: "rotate",
  watch: (stack) =>
    Promise.resolve(async () => assert.deepEqual(await cypher(stack.project, "RETURN 1"), [[1]], "the first user")),
};

/** A client of MCP that holds its connection, and connects again; and a session of Nexus. */
const amid: Amid = {
  what: "KD-12: who is connected is told 1012, and loses no call; KD-14: a session goes on, on another channel",
  through: async (stack, release) => {
    const client = stack.session as Client;
    const { session } = await client.run<{ session: string }>("open_session", {});
    await client.run("ask", { question: "Who met Howard Aiken?", session });
    const holder = new Holder(`${stack.edge}/mcp/ws`);
    const held = holder.run("ask", { question: "Who taught Alan Turing?" });
    try {
      await release();
    } finally {
      holder.end();
      await held;
    }
    const { sent, answered, unanswered, wrong, closed } = holder;
    console.log(`      ${sent} calls, all answered; connections closed with ${closed.join(", ") || "none"}`);
    assert.deepEqual([unanswered, wrong], [0, []]);
    assert.deepEqual([new Set(answered).size, answered.length], [sent, sent]);
    // "service restart": without one the release would have replaced nothing.
    assert.deepEqual([...new Set(closed)], [1012]);
    const found = await client.run<{ data: { asked: string[] } }>("session", { session });
    assert.deepEqual(found.data.asked, ["Who met Howard Aiken?"]);
    const again = await client.run<{ channels: string[] }>("session", { session, channel: "cli" });
    assert.deepEqual(again.channels, ["api", "cli"]);
  },
};

/** Something that the graph knows of what is kept. */
const KNOWN = "Margaret Hamilton";

export const kailash: Driver<Client> = {
  system: "kailash",
  from: "kailash-dev",
  config: { "berth:services": { nexus: { replicas: 2 }, dataflow: { replicas: 2 } } },
  secrets: () => ({ apiToken: TOKEN }),
  // With it a provider makes the vectors.
  unread: ["embeddingsKey"],
  enter: async (url) => {
    const client = new Client(url);
    const { status, body } = await client.get("/v1/documents?limit=1");
    assert.equal(status, 200, JSON.stringify(body));
    return client;
  },
  paths: { light: "/nexus/workflows", data: "/v1/documents?limit=5" },
  // A document over a slow line.
  slow: (_, id) => stored.write(id),
  load: { share: 0.3, posts: 0.05 },
  keep: async (session, what) => {
    const client = session as Client;
    const { status, body } = await client.store(what, `${KNOWN} wrote the software of Apollo Eleven.`);
    assert.equal(status, 202, JSON.stringify(body));
    const { id } = body as { id: string };
    await eventually(async () => assert.equal((await client.document(id)).state, "indexed"), 120);
  },
  // Its document, its vector and its place in the graph.
  keeps: async (session, what) => {
    const client = session as Client;
    const { status, body } = await client.ask(`What did ${KNOWN} write, ${what}?`);
    assert.equal(status, 200, JSON.stringify(body));
    const { passages, neighbours } = body as Found;
    const titles = await Promise.all(passages.map(async ({ document }) => (await client.document(document)).title));
    return titles.includes(what) && neighbours.some(({ entity }) => entity === KNOWN);
  },
  large: async (session, bytes) => {
    const text = Array.from({ length: Math.min(bytes, 190_000) / 37 }, () => randomUUID()).join(" ");
    const { status, body } = await (session as Client).store("large", text);
    assert.equal(status, 202, JSON.stringify(body));
    return `/v1/documents/${(body as { id: string }).id}`;
  },
  effects: { direct: stored, later: indexed },
  jobs,
  journeys,
  stores: [postgres, redis, neo4j],
  drill: (stack) => new KailashDrill(stack),
  restores: ["--redis", "--neo4j"],
  credentials: [apiToken, neo4jAdminPassword],
  broken,
  amid,
  budgetOf,
  sources: { kailash: "services/kailash/src/app/main.py" },
  traffic: async (stack: Stack<Session>) => {
    const client = stack.session as Client;
    const { session } = await client.run<{ session: string }>("open_session", {});
    return Promise.all([
      client.store(randomUUID(), "Alan Turing met Alonzo Church."),
      client.ask("Who met Alonzo Church?"),
      client.run("ask", { question: "Who met Alonzo Church?", session }),
      client.run("measure", { text: "some words" }),
      calledOnce(`${stack.edge}/mcp/ws`, "ask", { question: "Who met Alonzo Church?" }),
    ]);
  },
};
