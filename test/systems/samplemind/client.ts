/** A user of SampleMind. */
import { randomBytes } from "node:crypto";
import type { Answer } from "../driver.ts";
import { User } from "../user.ts";

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

export class Client extends User {
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
