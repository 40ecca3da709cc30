/**
 * A stand-in for SampleMind's backend, to develop the page with where no stack is up. It analyses nothing: tempo,
 * key and features are invented from a hash of the file. It proves nothing of the backend.
 */
import { createHash, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { extname, join } from "node:path";
import { buffer, text } from "node:stream/consumers";
import type { Sample } from "../../../services/samplemind-frontend/src/api.ts";
import { filtersOf, KEYS } from "../../../services/samplemind-frontend/src/filters.ts";
import { ROOT, sleep } from "../../stack/command.ts";

export const USER = { email: "demo@example.com", password: "demo-password" };

const FRONTEND = join(ROOT, "services/samplemind-frontend");
const TYPES: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};
const AUDIO = { wav: "audio/wav", flac: "audio/flac", mp3: "audio/mpeg" };
const MAX_MB = 100;

/** What the runtime's nginx adds to every answer. */
const headers = Object.fromEntries(
  [...readFileSync(join(FRONTEND, "nginx/headers.conf"), "utf8").matchAll(/^add_header (\S+) "(.+)" always;$/gm)].map(
    ([, name, value]) => [name!, value!],
  ),
);

class Refusal extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

interface Stored {
  sample: Sample;
  readonly bytes: Buffer;
}

export class StandIn {
  readonly #samples = new Map<string, Stored>();
  readonly #byKey = new Map<string, string>();
  readonly #sessions = new Set<string>();
  readonly #server: Server = createServer((request, response) => void this.#answer(request, response));
  /** Milliseconds that a sample waits, and that it is analysed. */
  pace = 700;

  /** @returns Address of the page, as it was built last, and of the API. */
  async start(port = 0): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(port, "127.0.0.1", resolve));
    const address = this.#server.address() as { port: number };
    return `http://127.0.0.1:${address.port}`;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  add(name: string, bytes: Buffer, to: Sample["state"] = "ready"): Sample {
    const type = typeOf(bytes);
    if (bytes.length === 0) throw new Refusal(422, "empty", "The file is empty.");
    if (type === undefined) throw new Refusal(415, "unsupported_type", "The content is neither WAV, FLAC nor MP3.");
    const created = new Date().toISOString();
    const sample: Sample = { id: randomUUID(), name, size: bytes.length, type, state: "waiting", error: null, created };
    this.#samples.set(sample.id, { sample, bytes });
    void this.#analyse(sample.id, to);
    return sample;
  }

  async #analyse(id: string, to: Sample["state"]): Promise<void> {
    const stored = this.#samples.get(id)!;
    const step = (change: Partial<Sample>): void => {
      stored.sample = { ...stored.sample, ...change };
    };
    if (to === "waiting") return;
    await sleep(this.pace);
    step({ state: "analysing" });
    if (to === "analysing") return;
    await sleep(this.pace);
    if (to === "failed") return step({ state: "failed", error: "The file ends before its audio does." });
    const [a, b, c, d] = createHash("sha256").update(stored.bytes).digest();
    step({
      state: "ready",
      duration: (stored.bytes.length - 44) / 44_100,
      tempo: 60 + (a! % 120),
      key: KEYS[b! % KEYS.length]!,
      loudness: -6 - (c! % 20),
      features: { spectral_centroid: 500 + d! * 17.3, zero_crossing_rate: a! / 1000, rms: c! / 512 },
      description: null,
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url!, "http://stand-in");
    try {
      if (pathname.startsWith("/api/")) await this.#api(request, response, pathname, searchParams);
      else page(pathname, response);
    } catch (error) {
      const { status, code, message } =
        error instanceof Refusal ? error : new Refusal(500, "stand_in", (error as Error).message);
      json(response, status, { error: { code, message } });
    }
  }

  async #api(request: IncomingMessage, response: ServerResponse, path: string, query: URLSearchParams): Promise<void> {
    const { method } = request;
    const session = /(?:^|; )samplemind=([^;]+)/.exec(request.headers.cookie ?? "")?.[1];
    if (method !== "GET" && request.headers["x-requested-with"] !== "samplemind")
      throw new Refusal(403, "forbidden", "A change needs the header X-Requested-With.");
    if (path === "/api/auth/login") {
      const given = JSON.parse(await text(request)) as typeof USER;
      if (given.email !== USER.email || given.password !== USER.password)
        throw new Refusal(401, "invalid_login", "E-mail or password is wrong.");
      const token = randomUUID();
      this.#sessions.add(token);
      response.setHeader("Set-Cookie", `samplemind=${token}; Path=/; HttpOnly; SameSite=Strict`);
      return json(response, 200, { token, user: { email: USER.email } });
    }
    if (session === undefined || !this.#sessions.has(session)) throw new Refusal(401, "unauthorised", "Log in first.");
    if (path === "/api/auth/logout") {
      this.#sessions.delete(session);
      return void response.writeHead(204).end();
    }
    if (path === "/api/auth/me") return json(response, 200, { user: { email: USER.email } });
    if (path === "/api/settings") return json(response, 200, { max_upload_mb: MAX_MB, descriptions: false });
    if (path === "/api/statistics") return json(response, 200, this.#statistics());
    if (path === "/api/samples" && method === "POST") return this.#upload(request, response, query);
    if (path === "/api/samples") return json(response, 200, this.#list(query));
    return this.#sample(request, response, path);
  }

  async #upload(request: IncomingMessage, response: ServerResponse, query: URLSearchParams): Promise<void> {
    const key = String(request.headers["idempotency-key"]);
    const known = this.#samples.get(this.#byKey.get(key) ?? "")?.sample;
    const bytes = await buffer(request);
    if (bytes.length !== Number(request.headers["content-length"]))
      throw new Refusal(400, "cut", "The file is cut short.");
    const sample = known ?? this.add(query.get("name")!, bytes);
    this.#byKey.set(key, sample.id);
    json(response, 202, sample);
  }

  #all(): Sample[] {
    return [...this.#samples.values()].map(({ sample }) => sample).reverse();
  }

  #list(query: URLSearchParams): object {
    const { q, key, tempo_min, tempo_max } = filtersOf(query);
    const fits = this.#all().filter(
      (sample) =>
        sample.name.toLowerCase().includes(q.toLowerCase()) &&
        (key === "" || sample.key === key) &&
        (tempo_min === "" || (sample.tempo ?? 0) >= Number(tempo_min)) &&
        (tempo_max === "" || (sample.tempo ?? Infinity) <= Number(tempo_max)),
    );
    const from = fits.findIndex(({ id }) => id === query.get("before")) + 1;
    const items = fits.slice(from, from + Number(query.get("limit")));
    return { items, next: from + items.length < fits.length ? items.at(-1)!.id : null };
  }

  #statistics(): object {
    const all = this.#all();
    const keys = all.flatMap(({ key }) => key ?? []);
    return {
      samples: all.length,
      ready: all.filter(({ state }) => state === "ready").length,
      failed: all.filter(({ state }) => state === "failed").length,
      seconds: all.reduce((sum, { duration }) => sum + (duration ?? 0), 0),
      by_key: Object.fromEntries(keys.map((key) => [key, keys.filter((other) => other === key).length])),
      made_at: all.length ? new Date().toISOString() : null,
    };
  }

  #sample(request: IncomingMessage, response: ServerResponse, path: string): void {
    const [, id, part] = /^\/api\/samples\/([^/]+)(?:\/(\w+))?$/.exec(path) ?? [];
    const stored = this.#samples.get(id ?? "");
    if (!stored) throw new Refusal(404, "not_found", "There is no such sample.");
    const { sample, bytes } = stored;
    if (request.method === "DELETE") {
      this.#samples.delete(sample.id);
      return void response.writeHead(204).end();
    }
    if (part === undefined) return json(response, 200, sample);
    if (part === "audio") return audio(request, response, sample, bytes);
    if (part === "waveform" && sample.state === "ready")
      return void response.writeHead(200, { "Content-Type": TYPES[".svg"] }).end(waveform(bytes));
    if (part === "similar" && sample.state === "ready") return json(response, 200, { items: this.#similar(sample) });
    throw new Refusal(404, "not_found", "There is nothing here yet.");
  }

  #similar(sample: Sample): object[] {
    const distance = (other: Sample): number => Math.abs(sample.features!["rms"]! - other.features!["rms"]!);
    return this.#all()
      .filter(({ id, state }) => id !== sample.id && state === "ready")
      .map((other) => ({ sample: other, distance: distance(other) }))
      .sort((a, b) => a.distance - b.distance)
      .slice(0, 10);
  }
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
}

function page(path: string, response: ServerResponse): void {
  const file = extname(path) === "" ? "/index.html" : path;
  let content: Buffer;
  try {
    content = readFileSync(join(FRONTEND, "dist", file));
  } catch {
    throw new Refusal(404, "not_found", `There is no ${file}: npm run build in services/samplemind-frontend`);
  }
  response.writeHead(200, { ...headers, "Content-Type": TYPES[extname(file)] }).end(content);
}

function audio(request: IncomingMessage, response: ServerResponse, { type }: Sample, bytes: Buffer): void {
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
  const common = { "Content-Type": AUDIO[type], "Accept-Ranges": "bytes" };
  if (first === undefined)
    return void response.writeHead(200, { ...common, "Content-Length": bytes.length }).end(bytes);
  const [from, to] = [Number(first), last ? Number(last) : bytes.length - 1];
  response.writeHead(206, { ...common, "Content-Range": `bytes ${from}-${to}/${bytes.length}` });
  response.end(bytes.subarray(from, to + 1));
}

function typeOf(bytes: Buffer): Sample["type"] | undefined {
  const start = bytes.toString("latin1", 0, 12);
  if (/^RIFF.{4}WAVE$/s.test(start)) return "wav";
  if (start.startsWith("fLaC")) return "flac";
  return start.startsWith("ID3") || (bytes[0] === 0xff && bytes[1]! >= 0xe0) ? "mp3" : undefined;
}

/** Of 16-bit samples of one channel. */
function waveform(bytes: Buffer): string {
  const [columns, frames] = [300, (bytes.length - 44) / 2];
  const lines = Array.from({ length: columns }, (_, column) => {
    let peak = 0;
    const [from, to] = [Math.floor((column * frames) / columns), Math.floor(((column + 1) * frames) / columns)];
    for (let frame = from; frame < to; frame++) peak = Math.max(peak, Math.abs(bytes.readInt16LE(44 + frame * 2)));
    const height = Math.max(1, Math.round((peak / 32768) * 110));
    return `M${column * 2 + 1} ${60 - height / 2}v${height}`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 600 120" preserveAspectRatio="none"><path d="${lines.join("")}" stroke="#2a9d94" stroke-width="1.4"/></svg>`;
}
