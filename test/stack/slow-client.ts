/** Clients that take their time, on connections of their own. */
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { sleep } from "./command.ts";

const CHUNK = Buffer.alloc(64 * 1024, "x");

/** An upload that stops short of its end, and holds the connection. */
export class HeldUpload {
  readonly #socket: Socket;
  #answer = "";

  /** @param url Where it goes. @param ca Certificate of the authority, where it goes by TLS. */
  constructor(url: string, ca: string | undefined, bytes: number) {
    const { hostname: host, port, pathname, protocol } = new URL(url);
    this.#socket =
      protocol === "https:" ? connectTls({ host, port: Number(port), ca }) : connectTcp({ host, port: Number(port) });
    this.#socket.on("error", () => undefined).on("data", (data: Buffer) => (this.#answer += data.toString()));
    const head = [`POST ${pathname} HTTP/1.1`, `Host: ${host}`, "Content-Type: application/json"];
    this.#socket.write(`${[...head, `Content-Length: ${bytes + 1}`].join("\r\n")}\r\n\r\n`);
  }
  /** Sends all but the last byte. */
  async send(bytes: number): Promise<void> {
    for (let sent = 0; sent < bytes && this.#answer === "" && !this.#socket.destroyed; sent += CHUNK.length)
      if (!this.#socket.write(CHUNK.subarray(0, bytes - sent))) {
        // A client that is refused is told so while it still sends: what it would send has nowhere to go.
        const drained = new Promise((resolve) => this.#socket.once("drain", resolve).once("close", resolve));
        await Promise.race([drained, sleep(10_000)]);
      }
  }
  /** What came back so far. */
  get answer(): string {
    return this.#answer;
  }
  close(): void {
    this.#socket.destroy();
  }
}
