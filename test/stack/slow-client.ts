/** Clients that take their time, on connections of their own. */
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { sleep } from "./command.ts";

const CHUNK = Buffer.alloc(64 * 1024, "x");

/** Where a client goes. */
export interface Place {
  readonly host: string;
  readonly port: number;
  /** Certificate of the authority, where it speaks TLS. */
  readonly ca?: string | undefined;
  /** Whether the certificate may be for another host. @default false */
  readonly elsewhere?: boolean;
}

export const placeOf = (url: string, ca: string | undefined): Place => {
  const { hostname, port, protocol } = new URL(url);
  const tls = protocol === "https:";
  return { host: hostname, port: Number(port || (tls ? 443 : 80)), ...(tls ? { ca } : {}) };
};

/** Sends some text, and holds the connection. */
export class HeldConnection {
  readonly #socket: Socket;
  #answer = "";
  #closed = false;
  readonly #ended: Promise<void>;
  /** Once what was to be sent is on its way. */
  readonly begun: Promise<void>;

  /** @param text What it sends. @default nothing @param reads Whether it reads what comes back. @default true */
  constructor({ host, port, ca, elsewhere }: Place, text = "", reads = true) {
    const ready = Promise.withResolvers<void>();
    this.#socket =
      ca === undefined
        ? connectTcp({ host, port }, ready.resolve)
        : connectTls({ host, port, ca, ...(elsewhere ? { checkServerIdentity: () => undefined } : {}) }, ready.resolve);
    const ended = Promise.withResolvers<void>();
    this.#ended = ended.promise;
    this.#socket
      .on("error", () => undefined)
      .once("close", () => {
        this.#closed = true;
        ready.resolve();
        ended.resolve();
      });
    if (reads) this.#socket.on("data", (data: Buffer) => (this.#answer += data.toString()));
    else this.#socket.pause();
    if (text !== "") this.#socket.write(text);
    this.begun = ready.promise;
  }
  /** Sends so many bytes more, unless it is answered meanwhile. */
  async send(bytes: number): Promise<void> {
    for (let sent = 0; sent < bytes && this.#answer === "" && !this.#socket.destroyed; sent += CHUNK.length)
      if (!this.#socket.write(CHUNK.subarray(0, bytes - sent))) {
        // A client that is refused is told so while it still sends: what it would send has nowhere to go.
        const drained = new Promise((resolve) => this.#socket.once("drain", resolve));
        await Promise.race([drained, this.#ended, sleep(10_000)]);
      }
  }
  /** What came back so far. */
  get answer(): string {
    return this.#answer;
  }
  /** Whether the connection has ended. */
  get closed(): boolean {
    return this.#closed;
  }
  close(): void {
    this.#socket.destroy();
  }
}

/** What stands before the body of a request, or before its end where it has none. */
export const head = (method: string, path: string, headers: Readonly<Record<string, string | number>> = {}): string =>
  [`${method} ${path} HTTP/1.1`, "Host: edge", ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)]
    .map((line) => `${line}\r\n`)
    .join("");
