/** A user of SampleMind, seen from outside: everything goes through the edge. */
import { randomBytes } from "node:crypto";
import { sentOf, type Write } from "../../load/load.ts";
import { type Answer, answerOf, type Session } from "../driver.ts";

/** Of the test users: as no real one has it. */
export const PASSWORD = `e2e-${randomBytes(12).toString("hex")}`;
export const USERS = ["alice@example.com", "bob@example.com"] as const;

export interface Sample {
  readonly id: string;
  readonly name: string;
  readonly state: "waiting" | "analysing" | "ready" | "failed";
  readonly error: string | null;
  readonly duration: number;
  readonly tempo: number;
  readonly key: string;
  readonly type: string;
}

export class Client implements Session {
  readonly url: string;
  token = "";
  constructor(url: string) {
    this.url = url;
  }

  async call(
    method: string,
    path: string,
    write?: Pick<Write, "body" | "headers">,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const sent = write && sentOf(write);
    const response = await fetch(this.url + path, {
      method,
      signal: AbortSignal.timeout(70_000),
      headers: { ...(this.token ? { authorization: `Bearer ${this.token}` } : {}), ...sent?.headers, ...headers },
      ...(sent ? { body: sent.content as NonNullable<RequestInit["body"]> } : {}),
    });
    return answerOf(response);
  }
  get(path: string): Promise<Answer> {
    return this.call("GET", path);
  }
  post(path: string, body: unknown): Promise<Answer> {
    return this.call("POST", path, { body });
  }

  async enter(email: string = USERS[0], password = PASSWORD): Promise<this> {
    const { status, body } = await this.post("/api/auth/login", { email, password });
    if (status !== 200) throw new Error(`login of ${email}: ${status} ${JSON.stringify(body)}`);
    this.token = (body as { token: string }).token;
    return this;
  }

  /** @param key Its idempotency key. */
  upload(name: string, body: Uint8Array, key?: string): Promise<Answer> {
    const headers = key === undefined ? {} : { "idempotency-key": key };
    return this.call("POST", `/api/samples?name=${encodeURIComponent(name)}`, { body, headers });
  }
  async sample(id: string): Promise<Sample> {
    return (await this.get(`/api/samples/${id}`)).body as Sample;
  }
  async search(query: Readonly<Record<string, string>>): Promise<readonly Sample[]> {
    const { body } = await this.get(`/api/samples?${new URLSearchParams(query).toString()}`);
    return (body as { items: Sample[] }).items;
  }
}
