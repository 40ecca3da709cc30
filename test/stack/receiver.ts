/** Who alerts are sent to: an HTTP server and a mail server on this machine, which remember what came. */
import { createServer as createHttp, type Server as HttpServer } from "node:http";
import { type AddressInfo, createServer as createTcp, type Server as TcpServer } from "node:net";
import { networkInterfaces } from "node:os";

export interface Alert {
  readonly status: "firing" | "resolved";
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export class Receiver {
  readonly #http: HttpServer = createHttp((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on("end", () => {
      this.#posts.push({ path: request.url!, body });
      response.end();
    });
  });
  readonly #smtp: TcpServer = createTcp((socket) => {
    let data = false;
    socket.on("error", () => undefined).write("220 test\r\n");
    socket.on("data", (chunk: Buffer) => {
      for (const line of chunk.toString().split("\r\n")) {
        if (data) {
          this.#mail += `${line}\n`;
          if (line === ".") {
            data = false;
            socket.write("250 taken\r\n");
          }
          continue;
        }
        if (line === "") continue;
        data = line === "DATA";
        socket.write(data ? "354 go on\r\n" : line === "QUIT" ? "221 bye\r\n" : "250 ok\r\n");
      }
    });
  });
  readonly #posts: { path: string; body: string }[] = [];
  #mail = "";
  #host = "";

  /** On every address: containers reach this machine by whichever it has. */
  async open(): Promise<this> {
    this.#host = Object.values(networkInterfaces())
      .flatMap((all) => all ?? [])
      .find(({ family, internal }) => family === "IPv4" && !internal)!.address;
    for (const server of [this.#http, this.#smtp])
      await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
    return this;
  }
  close(): void {
    this.#http.closeAllConnections();
    this.#http.close();
    this.#smtp.close();
  }

  url(path: string): string {
    return `http://${this.#host}:${(this.#http.address() as AddressInfo).port}${path}`;
  }
  get smarthost(): string {
    return `${this.#host}:${(this.#smtp.address() as AddressInfo).port}`;
  }
  get mail(): string {
    return this.#mail;
  }

  posts(path: string): string[] {
    return this.#posts.filter((post) => post.path === path).map((post) => post.body);
  }
  /** Alerts that came to a path, oldest first. */
  alerts(path: string): Alert[] {
    return this.posts(path).flatMap((body) => (JSON.parse(body) as { alerts: Alert[] }).alerts);
  }
}
