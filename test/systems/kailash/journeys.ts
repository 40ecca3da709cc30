/** A document on its ways in: through the api, as a workflow of Nexus, and as a tool of MCP. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { Journey } from "../driver.ts";
import type { Client } from "./client.ts";

const journey = (service: string, path: string, bodyOf: (document: object) => object): Journey => ({
  what: `a document, by ${service}`,
  begin: async (stack) => {
    const request = randomUUID().replaceAll("-", "");
    const body = bodyOf({ title: request, text: "Alan Turing met Alonzo Church." });
    const headers = { accept: "application/json, text/event-stream", "x-request-id": request };
    const answer = await (stack.session as Client).call("POST", path, { body, headers });
    assert.ok([200, 202].includes(answer.status), JSON.stringify(answer.body));
    return request;
  },
  lines: ["edge", service, "dataflow"],
  // It is indexed later, by whoever finds it in the database: that is a trace of its own.
  spans: [`${service} fastapi`, `${service} httpx`, "dataflow fastapi", "dataflow asyncpg"],
});

export const journeys: readonly [Journey, ...Journey[]] = [
  journey("api", "/v1/documents", (document) => document),
  journey("nexus", "/nexus/workflows/add_document/execute", (inputs) => ({ inputs })),
  journey("mcp", "/mcp", (document) => ({
    jsonrpc: "2.0",
    id: 1,
    method: "tools/call",
    params: { name: "add_document", arguments: document },
  })),
];
