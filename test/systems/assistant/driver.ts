/** How the assistant looks from outside. */
import assert from "node:assert/strict";
import { createHmac, randomUUID } from "node:crypto";
import type { Write } from "../../load/load.ts";
import { docker, sleep } from "../../stack/command.ts";
import type { Stack } from "../../stack/stack.ts";
import { numbers, postgres, PostgresDrill, quoted } from "../../stores/postgres.ts";
import { redis } from "../../stores/redis.ts";
import type { Credential, Driver, Effect, Jobs, Journey, Session } from "../driver.ts";
import { broken } from "./broken.ts";
import { budgetOf } from "./budgets.ts";
import { Client, PASSWORD, SMS } from "./client.ts";

/** Nothing listens there: what would be asked of a provider outside is refused at once. */
const NOWHERE = "http://127.0.0.1:9";

/** An event is a row; each execution of its POST counts one more attempt. */
const event: Effect = {
  write: (id) => ({ path: "/v1/events", body: { id, payload: { of: id } } }),
  count: async (stack, ids) =>
    numbers(await stack.query(`SELECT id, attempts FROM events WHERE id IN (${quoted(ids)});`)),
};
/** A message that asks for a task: a job makes it. */
const task: Effect = {
  write: (id): Write => ({ path: "/v1/messages", body: { id, text: `task: ${id}` } }),
  count: async (stack, ids) =>
    numbers(await stack.query(`SELECT title, count(*) FROM tasks WHERE title IN (${quoted(ids)}) GROUP BY title;`)),
  within: 60,
};

const jobs: Jobs = {
  worker: "worker",
  begin: async (session, seconds) => {
    const { status, body } = await session.post("/v1/jobs", { kind: "summarise", text: "One. Two.", delay: seconds });
    assert.equal(status, 202, JSON.stringify(body));
    const { id } = body as { id?: string };
    assert.ok(id, JSON.stringify(body));
    return id;
  },
  running: async (stack, ids) =>
    Number(await stack.query(`SELECT count(*) FROM jobs WHERE state = 'running' AND id IN (${quoted(ids)});`)),
  done: async (stack, ids) =>
    numbers(await stack.query(`SELECT id, attempts FROM jobs WHERE state = 'done' AND id IN (${quoted(ids)});`)),
};

/** What the agent and the worker do about a message. */
const WORK = ["agent celery", "agent fastapi", "agent psycopg", "worker celery", "worker psycopg"];
/** The agent makes a job of it, the worker a task of that. */
const message: Journey = {
  what: "a message",
  begin: async (stack) => {
    const request = randomUUID().replaceAll("-", "");
    const body = { text: `add a task to ${request}` };
    const headers = { "x-request-id": request };
    const { status } = await (stack.session as Client).call("POST", "/v1/messages", { body, headers });
    assert.equal(status, 200);
    return request;
  },
  lines: ["edge", "api", "agent", "worker"],
  spans: ["api fastapi", "api httpx", ...WORK],
};
const sms: Journey = {
  what: "an SMS",
  begin: async (stack) => {
    await new Client(stack.edge).enter(SMS.numbers["+15550000001"]);
    const { status, headers } = await (stack.session as Client).sms("+15550000001", `add a task to ${randomUUID()}`);
    assert.equal(status, 200);
    const request = headers.get("x-request-id");
    assert.ok(request, "the answer names the request");
    return request;
  },
  lines: ["edge", "sms-router", "agent", "worker"],
  spans: ["sms-router fastapi", "sms-router httpx", "sms-router psycopg", ...WORK],
};

/** Tokens signed before stay good for their lifetime and no longer, forged ones are refused. */
const jwtSigningKey: Credential = {
  secret: "jwtSigningKey",
  by: "rotate",
  watch: async (stack) => {
    const front = stack.project.known.behind("/v1");
    const [container] = await stack.project.running(front.name);
    const key = (await docker("exec", container!, "cat", "/etc/berth/secrets/jwt-keys")).split("\n")[0]!;
    const { token: before } = stack.session;
    const [header, payload] = before.split(".") as [string, string];
    const signed = (by: string, seconds: number): string => {
      const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as object;
      const exp = Math.floor(Date.now() / 1000) + seconds;
      const text = `${header}.${Buffer.from(JSON.stringify({ ...claims, exp })).toString("base64url")}`;
      return `${text}.${createHmac("sha256", by).update(text).digest("base64url")}`;
    };
    const status = async (token: string): Promise<number> => {
      const client = new Client(stack.edge);
      client.token = token;
      return (await client.get("/v1/tasks")).status;
    };
    return async () => {
      const short = signed(key, 5);
      assert.equal(await status(before), 200, "signed before the rotation");
      assert.equal(await status(short), 200, "signed with the former key");
      assert.equal(await status(signed("a key that nobody ever had in here", 60)), 401);
      // Its lifetime is what is tested.
      await sleep(6000);
      assert.equal(await status(short), 401, "its lifetime is over");
      await stack.enter();
      assert.equal(await status(stack.session.token), 200, "signed after the rotation");
    };
  },
};

/** What an authenticator app shows in a step of 30 seconds. @param secret In base32, as the app has it. */
function totp(secret: string, step: number): string {
  const bits = [...secret].map((letter) =>
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0"),
  );
  const key = Buffer.from(
    bits
      .join("")
      .match(/.{8}/g)!
      .map((byte) => Number.parseInt(byte, 2)),
  );
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const hash = createHmac("sha1", key).update(counter).digest();
  return String((hash.readUInt32BE(hash[19]! & 15) & 0x7f_ff_ff_ff) % 1_000_000).padStart(6, "0");
}

/** An authenticator app goes on working; what its log-in used is then encrypted with the new key. */
const mfaEncryptionKey: Credential = {
  secret: "mfaEncryptionKey",
  by: "rotate",
  watch: async (stack) => {
    const email = `authenticator-${randomUUID()}@example.org`;
    const user = await new Client(stack.edge).enter(email);
    const begun = await user.post("/v1/auth/mfa/totp", { password: PASSWORD });
    assert.equal(begun.status, 201, JSON.stringify(begun.body));
    const { secret } = begun.body as { secret: string };
    const now = () => Math.floor(Date.now() / 30_000);
    const enrolled = now();
    const confirmed = await user.post("/v1/auth/mfa/totp/confirm", { code: totp(secret, enrolled) });
    assert.equal(confirmed.status, 200, JSON.stringify(confirmed.body));
    const stored = (): Promise<string> =>
      stack.query(`SELECT secret FROM mfa_methods JOIN users ON id = user_id WHERE email = '${email}';`);
    const before = await stored();
    return async () => {
      assert.equal(await stored(), before);
      const login = await user.post("/v1/auth/login", { email, password: PASSWORD });
      const { challenge_token } = login.body as { challenge_token?: string };
      assert.ok(challenge_token, JSON.stringify(login.body));
      // A code is taken once: that of the enrolment is not taken again.
      const code = totp(secret, Math.max(now(), enrolled + 1));
      const { status, body } = await user.post("/v1/auth/mfa/verify", { challenge_token, method: "totp", code });
      assert.equal(status, 200, JSON.stringify(body));
      assert.notEqual(await stored(), before, "encrypted with the former key still");
    };
  },
};

/** Signatures with the new token are taken, with the former one refused. */
const twilioAuthToken: Credential = {
  secret: "twilioAuthToken",
  by: "set",
  watch: async (stack, next) => {
    const client = stack.session as Client;
    await new Client(stack.edge).enter("ann@example.org");
    assert.equal((await client.sms("+15550000001", "note before")).status, 200);
    return async () => {
      assert.equal((await client.sms("+15550000001", "note with the former token")).status, 403);
      assert.equal((await client.sms("+15550000001", "note with the new one", { token: next })).status, 200);
    };
  },
};

export const assistant: Driver<Client> = {
  system: "assistant",
  from: "dev",
  config: {
    "berth:services": {
      api: { replicas: 2, environment: { RATE_LIMIT_PER_MINUTE: 0, JWT_ACCESS_TTL: 86_400, TWILIO_API_URL: NOWHERE } },
      agent: { environment: { LLM_BASE_URL: NOWHERE } },
      worker: { environment: { TWILIO_API_URL: NOWHERE } },
    },
  },
  secrets: (mark) => ({
    // The client signs with it.
    twilioAuthToken: SMS.token,
    twilioUserNumbers: JSON.stringify({ ...SMS.numbers, "+15550000009": `${mark}numbers@example.org` }),
  }),
  unread: ["seedPassword"],
  enter: (url, user) => new Client(url).enter(`${user}@example.org`),
  paths: { light: "/v1/version", data: "/v1/tasks" },
  // Nothing is newer than tomorrow: the answer comes when the time is up.
  slow: (seconds) =>
    `/v1/events?since=${encodeURIComponent(new Date(Date.now() + 86_400_000).toISOString())}&wait=${seconds}`,
  keep: async (session, what) => {
    const { status, body } = await session.post("/v1/tasks", { title: what });
    assert.ok(status < 300, JSON.stringify(body));
  },
  keeps: async (session, what) => {
    const { status, body } = await session.get("/v1/tasks");
    assert.equal(status, 200, JSON.stringify(body));
    return JSON.stringify(body).includes(what);
  },
  large: async (session, bytes) => {
    const { path, body } = event.write(randomUUID());
    const payload = { text: Array.from({ length: bytes / 37 }, () => randomUUID()).join(" ") };
    const { status } = await session.post(path, { ...(body as object), payload });
    assert.equal(status, 201);
    return `${path}?since=1970-01-01T00:00:00Z`;
  },
  effects: { direct: event, later: task },
  jobs,
  journeys: [message, sms],
  stores: [postgres, redis],
  drill: (stack) => new PostgresDrill(stack),
  restores: ["--redis"],
  credentials: [jwtSigningKey, mfaEncryptionKey, twilioAuthToken],
  broken,
  budgetOf,
  sources: { assistant: "services/assistant/src/apps/fastapi_app/main.py" },
  traffic: (stack: Stack<Session>) => {
    const client = stack.session as Client;
    return Promise.all([
      client.post("/v1/messages", { text: "add a task to look at the dashboards" }),
      client.post("/v1/tasks", { title: "look" }),
      client.get("/v1/tasks"),
      client.post("/v1/events", { payload: { n: 1 } }),
      client.post("/v1/jobs", { kind: "summarise", text: "A long text. It has sentences." }),
      client.get("/v1/version"),
      client.sms("+15550000001", "what are my reminders?"),
    ]);
  },
};
