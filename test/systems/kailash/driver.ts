/** How Kailash looks from outside. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { Stack } from "../../stack/stack.ts";
import { neo4j } from "../../stores/neo4j.ts";
import { postgres, PostgresDrill } from "../../stores/postgres.ts";
import { redis } from "../../stores/redis.ts";
import type { Credential, Driver, Session } from "../driver.ts";
import { broken } from "./broken.ts";
import { budgetOf } from "./budgets.ts";
import { Client, TOKEN } from "./client.ts";
import { indexed, jobs, stored } from "./data.ts";

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

export const kailash: Driver<Client> = {
  system: "kailash",
  from: "kailash-stage",
  config: { "berth:services": { api: { replicas: 2 }, mcp: { replicas: 2 }, nexus: { replicas: 2 } } },
  secrets: () => ({ apiToken: TOKEN }),
  unread: [],
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
    const { status, body } = await (session as Client).store(what, "Kept.");
    assert.equal(status, 202, JSON.stringify(body));
  },
  keeps: async (session, what) => {
    const { status, body } = await session.get("/v1/documents?limit=200");
    assert.equal(status, 200, JSON.stringify(body));
    return (body as { items: { title: string }[] }).items.some(({ title }) => title === what);
  },
  large: async (session, bytes) => {
    const text = Array.from({ length: Math.min(bytes, 190_000) / 37 }, () => randomUUID()).join(" ");
    const { status, body } = await (session as Client).store("large", text);
    assert.equal(status, 202, JSON.stringify(body));
    return `/v1/documents/${(body as { id: string }).id}`;
  },
  effects: { direct: stored, later: indexed },
  jobs,
  stores: [postgres, redis, neo4j],
  drill: (stack) => new PostgresDrill(stack),
  restores: ["--redis", "--neo4j"],
  credentials: [apiToken],
  broken,
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
    ]);
  },
};
