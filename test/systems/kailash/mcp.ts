/** MCP, spoken by others: the official SDK, in a container of Kailash's own image on the host's network. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { command } from "../../stack/command.ts";
import type { Stack } from "../../stack/stack.ts";
import { TOKEN } from "./client.ts";

const CLIENT = readFileSync(join(import.meta.dirname, "mcp.py"), "utf8");

export interface Told {
  readonly server: string;
  readonly tools: readonly string[];
  readonly error: boolean;
  readonly text: string;
}

/** Calls a tool. @param path Of the edge. @throws {Error} where nobody answers, or lets it in */
export async function mcpCall(
  stack: Stack,
  how: "http" | "websocket",
  path: string,
  tool: string,
  input: object,
  token = TOKEN,
): Promise<Told> {
  const { mcp } = await stack.project.output<Record<string, string>>("images");
  const url = `${how === "http" ? stack.edge : stack.edge.replace(/^http/, "ws")}${path}`;
  const trusts = ["--volume", `${stack.authority!.file}:/ca.crt:ro`, "--env", "SSL_CERT_FILE=/ca.crt"];
  const run = ["run", "--rm", "-i", "--network", "host", ...trusts, "--entrypoint", "python", mcp!, "-"];
  const { code, output } = await command("docker", [...run, how, url, token, tool, JSON.stringify(input)], {
    input: CLIENT,
    timeout: 90_000,
  });
  assert.equal(code, 0, output);
  return JSON.parse(output.slice(output.lastIndexOf('{"server"'))) as Told;
}
