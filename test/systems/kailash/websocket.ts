/**
 * A client of MCP over WebSocket that holds its connection through whatever happens: it connects again, and sends again
 * what was not answered.
 */
import { randomUUID } from "node:crypto";
import { sleep } from "../../stack/command.ts";
import { TOKEN } from "./client.ts";

type Options = { headers: Record<string, string> };
/** Node's takes headers; the web's does not. */
const Socket = WebSocket as unknown as new (url: string, options: Options) => WebSocket;
/** @param url Of the edge, and a path: with http or https. */
const connected = (url: string): WebSocket =>
  new Socket(url.replace(/^http/, "ws"), { headers: { authorization: `Bearer ${TOKEN}` } });
const call = (id: string, tool: string, input: object) => ({
  jsonrpc: "2.0",
  id,
  method: "tools/call",
  params: { name: tool, arguments: input },
});

/** Calls a tool once, over a connection of its own. */
export function calledOnce(url: string, tool: string, input: object): Promise<void> {
  const socket = connected(url);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.addEventListener("open", () => socket.send(JSON.stringify(call(randomUUID(), tool, input))));
  socket.addEventListener("message", () => resolve());
  for (const end of ["close", "error"]) socket.addEventListener(end, () => reject(new Error(`${url}: ${end}`)));
  return promise.finally(() => socket.close());
}

export class Holder {
  readonly #url: string;
  readonly #open = new Map<string, object>();
  readonly #seen: string[] = [];
  /** What was answered with an error. */
  readonly wrong: string[] = [];
  /** Codes that connections were closed with. */
  readonly closed: number[] = [];
  sent = 0;
  #socket: WebSocket | undefined;
  #ended = false;

  constructor(url: string) {
    this.#url = url;
  }

  /** Ids of calls that were answered, as often as they were. */
  get answered(): readonly string[] {
    return this.#seen;
  }
  get unanswered(): number {
    return this.#open.size;
  }

  /** Calls a tool now and then, until it is told to end. */
  async run(tool: string, input: object, every = 300): Promise<void> {
    this.#connect();
    while (!this.#ended) {
      const id = randomUUID();
      const asked = call(id, tool, input);
      this.#open.set(id, asked);
      this.sent++;
      this.#send(asked);
      await sleep(every);
    }
    for (let n = 0; n < 200 && this.#open.size; n++) await sleep(100);
    this.#socket?.close();
  }
  end(): void {
    this.#ended = true;
  }

  #send(asked: object): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(asked));
  }
  #connect(): void {
    const socket = connected(this.#url);
    this.#socket = socket;
    socket.addEventListener("open", () => {
      for (const asked of this.#open.values()) this.#send(asked);
    });
    socket.addEventListener("message", ({ data }) => {
      const { id, result } = JSON.parse(String(data)) as { id?: string; result?: { isError?: boolean } };
      if (id === undefined || !this.#open.delete(id)) return;
      this.#seen.push(id);
      if (!result || result.isError) this.wrong.push(String(data));
    });
    socket.addEventListener("close", ({ code }) => {
      if (this.#ended && this.#open.size === 0) return;
      this.closed.push(code);
      setTimeout(() => this.#connect(), 200);
    });
    socket.addEventListener("error", () => undefined);
  }
}
