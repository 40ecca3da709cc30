/** A user of Kailash. */
import { randomBytes } from "node:crypto";
import type { Answer } from "../driver.ts";
import { User } from "../user.ts";

/** As no real one has it. */
export const TOKEN = `e2e-${randomBytes(20).toString("hex")}`;

export interface Document {
  readonly id: string;
  readonly title: string;
  readonly state: "stored" | "indexed" | "failed";
  readonly error: string;
}
export interface Found {
  readonly answer: string;
  readonly passages: readonly { readonly document: string; readonly text: string; readonly score: number }[];
  readonly neighbours: readonly { readonly entity: string; readonly relation: string; readonly neighbour: string }[];
}

export class Client extends User {
  constructor(url: string, token = TOKEN) {
    super(url, token);
  }

  /** @param key Its idempotency key. @returns the answer, with the id of the document in its body */
  store(title: string, text: string, key?: string): Promise<Answer> {
    const headers = key === undefined ? {} : { "idempotency-key": key };
    return this.call("POST", "/v1/documents", { body: { title, text }, headers });
  }
  async document(id: string): Promise<Document> {
    return (await this.get(`/v1/documents/${id}`)).body as Document;
  }
  ask(question: string): Promise<Answer> {
    return this.post("/v1/questions", { question });
  }
  /** What a workflow of Nexus gives. */
  async run<T>(workflow: string, inputs: object): Promise<T> {
    const { status, body } = await this.post(`/nexus/workflows/${workflow}/execute`, { inputs });
    if (status !== 200) throw new Error(`${workflow}: ${status} ${JSON.stringify(body)}`);
    return Object.values((body as { outputs: Record<string, T> }).outputs)[0]!;
  }
}
