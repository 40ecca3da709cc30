/** A user of a system, seen from outside: everything goes through the edge. */
import { sentOf } from "../load/load.ts";
import type { Answer, Session } from "./driver.ts";

export class User implements Session {
  readonly url: string;
  token: string;
  /** @param token Whoever is not logged in has none. */
  constructor(url: string, token = "") {
    this.url = url;
    this.token = token;
  }

  /** @param request Its body is sent as JSON, but for bytes. @returns a body that is no JSON as text */
  async call(
    method: string,
    path: string,
    { body, headers = {} }: { readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> } = {},
  ): Promise<Answer> {
    const sent = body === undefined ? { headers } : sentOf({ body, headers });
    const response = await fetch(this.url + path, {
      method,
      signal: AbortSignal.timeout(70_000),
      headers: { ...(this.token ? { authorization: `Bearer ${this.token}` } : {}), ...sent.headers },
      ...("content" in sent ? { body: sent.content as NonNullable<RequestInit["body"]> } : {}),
    });
    return answerOf(response);
  }
  get(path: string): Promise<Answer> {
    return this.call("GET", path);
  }
  post(path: string, body: unknown): Promise<Answer> {
    return this.call("POST", path, { body });
  }
}

async function answerOf(response: Response): Promise<Answer> {
  const { status, headers } = response;
  const text = await response.text();
  let body: unknown = text;
  try {
    body = JSON.parse(text);
  } catch {
    /* the text is the body */
  }
  return { status, body, headers };
}
