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

export class Holder {
  readonly #url: string;
  readonly #open = new Map<string, object>();
  readonly #seen: string[] = [];
  /** Codes that connections were closed with. */
  readonly closed: number[] = [];
  sent = 0;
  #socket: WebSocket | undefined;
  #ended = false;

  constructor(url: string) {
    this.#url = url.replace(/^http/, "ws");
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
      const call = { jsonrpc: "2.0", id, method: "tools/call", params: { name: tool, arguments: input } };
      this.#open.set(id, call);
      this.sent++;
      this.#send(call);
      await sleep(every);
    }
    for (let n = 0; n < 200 && this.#open.size; n++) await sleep(100);
    this.#socket?.close();
  }
  end(): void {
    this.#ended = true;
  }

  #send(call: object): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(call));
  }
  #connect(): void {
    const socket = new Socket(this.#url, { headers: { authorization: `Bearer ${TOKEN}` } });
    this.#socket = socket;
    socket.addEventListener("open", () => {
      for (const call of this.#open.values()) this.#send(call);
    });
    socket.addEventListener("message", ({ data }) => {
      const { id } = JSON.parse(String(data)) as { id?: string };
      if (id !== undefined && this.#open.delete(id)) this.#seen.push(id);
    });
    socket.addEventListener("close", ({ code }) => {
      if (this.#ended && this.#open.size === 0) return;
      this.closed.push(code);
      setTimeout(() => this.#connect(), 200);
    });
    socket.addEventListener("error", () => undefined);
  }
}
