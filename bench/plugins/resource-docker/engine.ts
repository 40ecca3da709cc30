/**
 * The Docker engine's HTTP interface, as much of it as the stand-in needs. No
 * version in the path: the engine's own one.
 */
import { createRequire } from "node:module";
import type * as http from "node:http";
import type { IncomingMessage, RequestOptions } from "node:http";
import type { Json } from "../shared/wire.ts";

// An import would load all that the module has, a second HTTP client among it.
const { Agent, request: httpRequest } = createRequire(import.meta.url)("node:http") as typeof http;

export class EngineError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export type Query = { readonly [key: string]: string | number | boolean | undefined };

export interface Call {
  readonly query?: Query;
  readonly body?: object;
  readonly tar?: Buffer;
  readonly headers?: { readonly [name: string]: string };
  readonly signal?: AbortSignal;
}

const DEFAULT_HOST = "unix:///var/run/docker.sock";

/** Where to connect, from a docker host. ssh and TLS belong to the real provider: the bench's engine is local. */
function connection(host: string): RequestOptions {
  if (host.startsWith("unix://")) return { socketPath: host.slice("unix://".length) };
  const match = /^(?:tcp|http):\/\/([^/:]+)(?::(\d+))?\/?$/.exec(host);
  if (match === null) throw new Error(`docker:host is "${host}"; the bench stand-in knows unix:// and tcp://`);
  return { host: match[1]!, port: match[2] ?? "2375" };
}

export class Engine {
  readonly host: string;
  readonly #connection: RequestOptions;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(host: string = DEFAULT_HOST) {
    this.host = host;
    this.#connection = connection(host);
  }

  /** The raw answer, its errors already thrown. */
  async open(method: string, path: string, call: Call = {}): Promise<IncomingMessage> {
    const query = new URLSearchParams();
    for (const [key, value] of Object.entries(call.query ?? {})) if (value !== undefined) query.set(key, String(value));
    const payload = call.tar ?? (call.body === undefined ? undefined : Buffer.from(JSON.stringify(call.body)));
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = httpRequest(
        {
          ...this.#connection,
          agent: this.#agent,
          method,
          path: query.size === 0 ? path : `${path}?${query.toString()}`,
          headers: {
            ...(payload && {
              "content-type": call.tar ? "application/x-tar" : "application/json",
              "content-length": payload.length,
            }),
            ...call.headers,
          },
          ...(call.signal && { signal: call.signal }),
        },
        resolve,
      );
      request.on("error", (error: NodeJS.ErrnoException) =>
        reject(
          error.code === "ENOENT" || error.code === "ECONNREFUSED" || error.code === "EACCES"
            ? new EngineError(0, `cannot connect to the Docker daemon at ${this.host}: ${error.message}`)
            : error,
        ),
      );
      request.end(payload);
    });
    const status = response.statusCode ?? 0;
    if (status < 400) return response;
    const body = (await collect(response)).toString("utf8");
    throw new EngineError(status, `Error response from daemon: ${messageOf(body)}`);
  }

  /** The answer as JSON. */
  async call<T = Json>(method: string, path: string, call: Call = {}): Promise<T> {
    const body = (await collect(await this.open(method, path, call))).toString("utf8");
    return (body === "" ? null : JSON.parse(body)) as T;
  }

  /** The answer, or nothing where the engine does not know the object. */
  async find<T>(path: string): Promise<T | undefined> {
    try {
      return await this.call<T>("GET", path);
    } catch (error) {
      if (error instanceof EngineError && error.status === 404) return undefined;
      throw error;
    }
  }

  /** A stream of JSON messages (pull and push), each handed over; the engine reports failures inside it. */
  async stream(method: string, path: string, call: Call, take: (message: StreamMessage) => void): Promise<void> {
    let rest = "";
    for await (const chunk of await this.open(method, path, call)) {
      const lines = (rest + String(chunk)).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) if (line.trim() !== "") take(parseMessage(line));
    }
    if (rest.trim() !== "") take(parseMessage(rest));
  }
}

export interface StreamMessage {
  readonly status?: string;
  readonly id?: string;
  readonly error?: string;
  readonly errorDetail?: { readonly code?: number };
  readonly aux?: { readonly Digest?: string };
}

function parseMessage(line: string): StreamMessage {
  const message = JSON.parse(line) as StreamMessage;
  if (message.error !== undefined) throw new EngineError(message.errorDetail?.code ?? 500, message.error);
  return message;
}

export async function collect(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function messageOf(body: string): string {
  try {
    return (JSON.parse(body) as { message: string }).message;
  } catch {
    return body;
  }
}

/** True where the engine said one of these: the real provider goes on after them too. */
export const said = (error: unknown, ...phrases: string[]): boolean =>
  error instanceof EngineError && phrases.some((phrase) => error.message.toLowerCase().includes(phrase.toLowerCase()));

/** The output of a container: with no terminal it comes in frames of an eight-byte header and the bytes. */
export function demultiplex(raw: Buffer): string {
  const parts: Buffer[] = [];
  for (let at = 0; at + 8 <= raw.length;) {
    const length = raw.readUInt32BE(at + 4);
    parts.push(raw.subarray(at + 8, at + 8 + length));
    at += 8 + length;
  }
  return Buffer.concat(parts).toString("utf8");
}
