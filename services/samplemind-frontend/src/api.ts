/** The backend's API. Who calls is told by a cookie, which scripts cannot read. */

export type State = "waiting" | "analysing" | "ready" | "failed";

export interface Sample {
  readonly id: string;
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly type: "wav" | "flac" | "mp3";
  readonly state: State;
  /** Why it failed. */
  readonly error: string | null;
  /** ISO 8601. */
  readonly created: string;
  /** What follows is there once it is ready. Seconds. */
  readonly duration?: number | null;
  /** Beats per minute. */
  readonly tempo?: number | null;
  readonly key?: string | null;
  /** LUFS. */
  readonly loudness?: number | null;
  readonly features?: Readonly<Record<string, number>> | null;
  readonly description?: string | null;
}

export interface Page {
  readonly items: readonly Sample[];
  /** Id that the next page begins after; null: this is the last one. */
  readonly next: string | null;
}

export interface Similar {
  readonly sample: Sample;
  /** 0: the same. */
  readonly distance: number;
}

export interface Statistics {
  readonly samples: number;
  readonly ready: number;
  readonly failed: number;
  readonly seconds: number;
  readonly by_key: Readonly<Record<string, number>>;
  /** ISO 8601; null: not counted yet. */
  readonly made_at: string | null;
}

export interface Settings {
  readonly max_upload_mb: number;
  /** Whether an AI provider describes samples. */
  readonly descriptions: boolean;
}

export interface User {
  readonly email: string;
}

/** What went wrong, for people. `status` is 0 where there was no answer. */
export class ApiError extends Error {
  readonly status: number;
  /** The API's word for it; empty, where somebody else answered. */
  readonly code: string;
  /** Seconds, where the answer says when to come back. */
  readonly retryAfter: number | undefined;

  constructor(status: number, message: string, code = "", retryAfter?: number) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }
}

/** What an error looks like: status, text of the body, and the header Retry-After. */
export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly retryAfter: string | null;
}

/** Sends a file; rejects with an AbortError where the signal says so, and with an ApiError where there is no answer. */
export type Send = (
  path: string,
  file: Blob,
  headers: Readonly<Record<string, string>>,
  progress: (bytes: number) => void,
  signal: AbortSignal,
) => Promise<Answer>;

/** A page of another origin cannot set it: the backend takes no change by cookie without it. */
const OWN = { "X-Requested-With": "samplemind" };
const UNREACHABLE = "The server cannot be reached. Check your connection and try again.";

export const unreachable = (): ApiError => new ApiError(0, UNREACHABLE);

/** The API says what is wrong; the edge, which answers where nothing else does, says it in its own form. */
export function errorOf({ status, body, retryAfter }: Answer): ApiError {
  const seconds = retryAfter !== null && /^\d+$/.test(retryAfter) ? Number(retryAfter) : undefined;
  const said = parse(body) as { error?: { code?: unknown; message?: unknown } } | undefined;
  const { code, message } = Object(said?.error) as { code?: unknown; message?: unknown };
  if (typeof code === "string" && typeof message === "string") return new ApiError(status, message, code, seconds);
  const wait = seconds === undefined ? "later" : `in ${seconds} s`;
  if (status === 413) return new ApiError(status, "This is larger than the server takes.", "", seconds);
  if (status === 429) return new ApiError(status, `Too many requests. Try again ${wait}.`, "", seconds);
  if ([502, 503, 504].includes(status))
    return new ApiError(status, `The server is not available at the moment. Try again ${wait}.`, "", seconds);
  return new ApiError(status, `The server answered with an error (${status}).`, "", seconds);
}

/** @throws {ApiError} whatever the method, unless its signal ended it. */
export function createApi(fetch: typeof globalThis.fetch, send: Send) {
  async function call(method: string, path: string, signal?: AbortSignal, json?: unknown): Promise<unknown> {
    const request: RequestInit = {
      method,
      headers: { ...OWN, ...(json === undefined ? {} : { "Content-Type": "application/json" }) },
      credentials: "same-origin",
      ...(signal ? { signal } : {}),
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    };
    let answer: Answer;
    try {
      const response = await fetch(path, request);
      answer = {
        status: response.status,
        body: await response.text(),
        retryAfter: response.headers.get("Retry-After"),
      };
    } catch (error) {
      throw signal?.aborted ? error : unreachable();
    }
    return resultOf(answer);
  }
  const sample = (id: string): string => `/api/samples/${encodeURIComponent(id)}`;
  return {
    login: async (email: string, password: string): Promise<User> =>
      ((await call("POST", "/api/auth/login", undefined, { email, password })) as { user: User }).user,
    logout: (): Promise<unknown> => call("POST", "/api/auth/logout"),
    /** Nobody: undefined. */
    me: async (): Promise<User | undefined> => {
      try {
        return ((await call("GET", "/api/auth/me")) as { user: User }).user;
      } catch (error) {
        if (error instanceof ApiError && error.status === 401) return undefined;
        throw error;
      }
    },
    settings: (signal?: AbortSignal) => call("GET", "/api/settings", signal) as Promise<Settings>,
    statistics: (signal?: AbortSignal) => call("GET", "/api/statistics", signal) as Promise<Statistics>,
    list: (filters: URLSearchParams, before?: string, signal?: AbortSignal): Promise<Page> => {
      const query = new URLSearchParams(filters);
      query.set("limit", "50");
      if (before !== undefined) query.set("before", before);
      return call("GET", `/api/samples?${query}`, signal) as Promise<Page>;
    },
    sample: (id: string, signal?: AbortSignal) => call("GET", sample(id), signal) as Promise<Sample>,
    similar: async (id: string, signal?: AbortSignal): Promise<readonly Similar[]> =>
      ((await call("GET", `${sample(id)}/similar?limit=10`, signal)) as { items: Similar[] }).items,
    delete: (id: string) => call("DELETE", sample(id)),
    /** @param key Idempotency key: who sends again after a lost answer gets the sample of before. */
    upload: async (
      name: string,
      file: Blob,
      key: string,
      progress: (bytes: number) => void,
      signal: AbortSignal,
    ): Promise<Sample> => {
      const headers = { ...OWN, "Content-Type": typeOf(name), "Idempotency-Key": key };
      const path = `/api/samples?${new URLSearchParams({ name })}`;
      const stored = resultOf(await send(path, file, headers, progress, signal)) as Sample | { sample: Sample };
      return "sample" in stored ? stored.sample : stored;
    },
    audio: (id: string): string => `${sample(id)}/audio`,
    waveform: (id: string): string => `${sample(id)}/waveform`,
  };
}

export type Api = ReturnType<typeof createApi>;

/** Browsers disagree on what these are called. What the file is, the backend finds out by its content. */
function typeOf(name: string): string {
  const types: Record<string, string> = { wav: "audio/wav", flac: "audio/flac", mp3: "audio/mpeg" };
  return types[name.split(".").at(-1)!.toLowerCase()] ?? "application/octet-stream";
}

function resultOf(answer: Answer): unknown {
  if (answer.status < 200 || answer.status > 299) throw errorOf(answer);
  if (answer.status === 204) return undefined;
  const result = parse(answer.body);
  if (typeof result !== "object") throw new ApiError(answer.status, "The server's answer cannot be read.");
  return result;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
