/**
 * The common load (docs/promises.md): an open loop through the edge that knows what it lost.
 * 150 requests/s on kept connections and 50/s on new ones, 20 % of them POSTs with an id of their own,
 * a slow request every second, which is answered late or sent slowly. Failure: not 2xx, reset, refused, timed out. Of
 * those that are answered, it says which answer no program could act on. What the requests are, says the system's
 * driver.
 */
import { randomUUID } from "node:crypto";
import * as http from "node:http";
import * as https from "node:https";

export interface LoadArgs {
  readonly url: string;
  /** The token of now: one ends before a long load does. */
  readonly token: () => string;
  /** Certificate of the authority that signs the edge's, PEM; for https. */
  readonly ca?: string;
  /** Requests a second on kept connections. @default 150 */
  readonly kept?: number;
  /** Requests a second on a connection of their own. @default 50 */
  readonly fresh?: number;
  /** Share of POSTs. @default 0.2 */
  readonly posts?: number;
  /** Paths that are read in turn. */
  readonly reads: readonly string[];
  /** What a POST with this id is. */
  readonly write: (id: string) => Write;
  /** A request that takes so many seconds: the path of a late answer, or a write with this id, sent bit by bit. */
  readonly slowly: (seconds: number, id: string) => string | Write;
  /** Seconds that a slow request takes; one starts every second. 0: none. @default 8 */
  readonly slow?: number;
  /** Most connections that are kept; what is due beyond waits for one of them. @default 128 */
  readonly sockets?: number;
  /** Connections that are open before it begins. @default 0 */
  readonly open?: number;
  /** Milliseconds after which a request counts as lost. @default 15000, and the slow one's time on top */
  readonly timeout?: number;
}

export interface Write {
  readonly path: string;
  /** Sent as JSON; bytes as they are. */
  readonly body: unknown;
  /** @default none besides those of every request */
  readonly headers?: Readonly<Record<string, string>>;
}

/** What is sent of it, and what says so. */
export function sentOf({ body, headers = {} }: Pick<Write, "body" | "headers">): {
  readonly content: string | Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
} {
  const isBytes = body instanceof Uint8Array;
  const type = isBytes ? "application/octet-stream" : "application/json";
  return { content: isBytes ? body : JSON.stringify(body), headers: { "content-type": type, ...headers } };
}

/** A request that went wrong. */
export interface Failed {
  readonly what: string;
  /** Milliseconds since the epoch. */
  readonly began: number;
  readonly ended: number;
}

export interface LoadReport {
  /** For how long requests were begun. */
  readonly seconds: number;
  readonly sent: number;
  readonly ok: number;
  readonly slowSent: number;
  readonly slowOk: number;
  readonly failed: readonly Failed[];
  /** What went wrong, in words, with how often. */
  readonly failures: Readonly<Record<string, number>>;
  /** Ids of the POSTs that were acknowledged. */
  readonly acknowledged: readonly string[];
  /** Milliseconds: median and 99th percentile of the quick requests. */
  readonly p50: number;
  readonly p99: number;
  /** Milliseconds: the longest of them, failed ones too. */
  readonly longest: number;
}

/**
 * What is wrong with an answer that is not 2xx: it has to be JSON that says what is the
 * matter and, if it passes, when to come back.
 */
export function uncontrolled(status: number, headers: http.IncomingHttpHeaders, body: string): string | undefined {
  let error: unknown;
  try {
    error = (JSON.parse(body) as { error?: unknown }).error;
  } catch {
    /* not JSON */
  }
  if (![429, 502, 503, 504, 507].includes(status)) return "not a passing failure";
  // A text, or an object with a code for programs.
  if (typeof error !== "string" && typeof (error as { code?: unknown } | null)?.code !== "string")
    return "no JSON with an error";
  if (!headers["retry-after"]) return "no Retry-After";
  if (!headers["x-request-id"]) return "no X-Request-Id";
  return /Traceback|psycopg|\.py\b/.test(body) ? "tells of its inside" : undefined;
}

/** Load while something is done, and for two seconds on either side. It ends with the work, however that ends. */
export async function underLoad(args: LoadArgs, work: () => Promise<void>): Promise<LoadReport> {
  const load = new Load(args);
  await load.connect();
  load.start();
  const moment = () => new Promise((resolve) => setTimeout(resolve, 2000));
  try {
    await moment();
    await work();
    await moment();
  } catch (error) {
    await load.stop();
    throw error;
  }
  return load.stop();
}

export class Load {
  readonly #args: Required<Omit<LoadArgs, "ca">>;
  readonly #http: typeof http | typeof https;
  readonly #tls: { readonly ca?: string };
  readonly #agent: http.Agent;
  readonly #open = new Set<Promise<void>>();
  readonly #times: number[] = [];
  #longest = 0;
  readonly #failed: Failed[] = [];
  readonly #acknowledged: string[] = [];
  #sent = 0;
  #ok = 0;
  #slowSent = 0;
  #slowOk = 0;
  #timer: NodeJS.Timeout | undefined;
  #due = 0;
  #last = 0;
  #began = 0;

  constructor({ ca, ...args }: LoadArgs) {
    this.#args = { kept: 150, fresh: 50, posts: 0.2, slow: 8, sockets: 128, open: 0, timeout: 15_000, ...args };
    this.#http = args.url.startsWith("https:") ? https : http;
    this.#tls = ca === undefined ? {} : { ca };
    // With a timeout of its own, of any length, an agent heeds the end that the server announces (Keep-Alive).
    const { sockets } = this.#args;
    const kept = { keepAlive: true, maxSockets: sockets, maxFreeSockets: sockets, timeout: 60_000 };
    this.#agent = new this.#http.Agent({ ...kept, ...this.#tls });
  }

  /** An open loop: what is due is sent, whatever became of the requests before. */
  start(): this {
    const { kept, fresh, slow } = this.#args;
    let slowDue = 0;
    this.#began = this.#last = performance.now();
    this.#timer = setInterval(() => {
      const now = performance.now();
      const passed = (now - this.#last) / 1000;
      this.#last = now;
      for (this.#due += passed * (kept + fresh); this.#due >= 1; this.#due -= 1)
        void this.#send(Math.random() < kept / (kept + fresh));
      for (slowDue += passed; slow > 0 && slowDue >= 1; slowDue -= 1) this.#sendSlow();
    }, 10);
    return this;
  }

  /** Opens connections as slowly as clients come one by one: each has a late answer, so that none is used twice. */
  async connect(): Promise<void> {
    const { open, slowly, timeout } = this.#args;
    const one = async (n: number): Promise<void> => {
      const asked = slowly(8, randomUUID());
      if (typeof asked !== "string") throw new Error("connections are opened by late answers, and there are none");
      await new Promise((resolve) => setTimeout(resolve, (n * 6000) / open));
      await this.#request("GET", asked, undefined, true, timeout + 8000);
    };
    await Promise.all(Array.from({ length: open }, (_, n) => one(n)));
  }

  /** A closed loop: so many clients each send the next request when the one before was answered. */
  async saturate(clients: number, seconds: number): Promise<LoadReport> {
    this.#began = performance.now();
    const end = this.#began + seconds * 1000;
    const client = async (): Promise<void> => {
      while (performance.now() < end) await this.#send(true);
    };
    await Promise.all(Array.from({ length: clients }, client));
    return this.stop();
  }

  async stop(): Promise<LoadReport> {
    clearInterval(this.#timer);
    const seconds = (performance.now() - this.#began) / 1000;
    await Promise.all(this.#open);
    this.#agent.destroy();
    const sorted = this.#times.sort((a, b) => a - b);
    const at = (share: number) =>
      Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
    return {
      seconds,
      sent: this.#sent,
      ok: this.#ok,
      slowSent: this.#slowSent,
      slowOk: this.#slowOk,
      failed: this.#failed,
      failures: Object.fromEntries(
        [...Map.groupBy(this.#failed, ({ what }) => what)].map(([what, all]) => [what, all.length]),
      ),
      acknowledged: this.#acknowledged,
      p50: at(0.5),
      p99: at(0.99),
      longest: Math.round(this.#longest),
    };
  }

  #send(kept: boolean): Promise<void> {
    const id = Math.random() < this.#args.posts ? randomUUID() : undefined;
    this.#sent += 1;
    const write = id === undefined ? undefined : this.#args.write(id);
    const began = performance.now();
    return this.#track(
      this.#request(
        write ? "POST" : "GET",
        write?.path ?? this.#args.reads[this.#sent % this.#args.reads.length]!,
        write,
        kept,
        this.#args.timeout,
      ).then((failure) => {
        this.#longest = Math.max(this.#longest, performance.now() - began);
        if (failure) {
          this.#fail(`${id ? "POST" : "GET"} ${kept ? "kept" : "fresh"}: ${failure}`, began);
          return;
        }
        this.#ok += 1;
        this.#times.push(performance.now() - began);
        if (id) this.#acknowledged.push(id);
      }),
    );
  }

  #sendSlow(): void {
    const { slow, slowly, timeout } = this.#args;
    this.#slowSent += 1;
    const began = performance.now();
    const id = randomUUID();
    const asked = slowly(slow, id);
    const [method, path, write] =
      typeof asked === "string" ? (["GET", asked] as const) : (["POST", asked.path, asked] as const);
    void this.#track(
      this.#request(method, path, write, true, timeout + slow * 1000, slow).then((failure) => {
        if (failure) this.#fail(`slow: ${failure}`, began);
        else this.#slowOk += 1;
        if (write && !failure) this.#acknowledged.push(id);
      }),
    );
  }

  #track(work: Promise<void>): Promise<void> {
    this.#open.add(work);
    return work.finally(() => this.#open.delete(work));
  }
  #fail(what: string, began: number): void {
    const [origin, ended] = [performance.timeOrigin, performance.now()];
    this.#failed.push({ what, began: origin + began, ended: origin + ended });
  }

  /** @param seconds How long its body is on the way. @returns why it failed; undefined if it did not. */
  #request(
    method: string,
    path: string,
    write: Write | undefined,
    kept: boolean,
    timeout: number,
    seconds = 0,
  ): Promise<string | undefined> {
    const sent = write && sentOf(write);
    return new Promise((resolve) => {
      const request = this.#http.request(
        this.#args.url + path,
        {
          method,
          agent: kept ? this.#agent : false,
          timeout,
          ...this.#tls,
          headers: {
            authorization: `Bearer ${this.#args.token()}`,
            ...(kept ? {} : { connection: "close" }),
            ...(sent ? { ...sent.headers, "content-length": Buffer.byteLength(sent.content) } : {}),
          },
        },
        (response) => {
          const good = response.statusCode! >= 200 && response.statusCode! < 300;
          let text = "";
          if (good) response.resume();
          else
            response.on("data", (chunk: Buffer) => {
              text += chunk.toString();
            });
          response.once("end", () => {
            const wrong = good ? undefined : uncontrolled(response.statusCode!, response.headers, text);
            resolve(good ? undefined : `status ${response.statusCode}${wrong === undefined ? "" : ` (${wrong})`}`);
          });
          response.once("error", (error) => resolve(error.message));
          response.once("aborted", () => resolve("cut off"));
        },
      );
      request.once("timeout", () => request.destroy(new Error("timed out")));
      request.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
      if (sent && seconds > 0) void sendSlowly(request, Buffer.from(sent.content), seconds);
      else request.end(sent?.content);
    });
  }
}

/** A piece every quarter of a second. */
async function sendSlowly(request: http.ClientRequest, content: Buffer, seconds: number): Promise<void> {
  const size = Math.ceil(content.length / (seconds * 4));
  for (let at = 0; at < content.length && !request.destroyed; at += size) {
    request.write(content.subarray(at, at + size));
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  request.end();
}
