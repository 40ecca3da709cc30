/** How SampleMind looks from outside. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { Write } from "../../load/load.ts";
import { docker, eventually } from "../../stack/command.ts";
import type { Stack } from "../../stack/stack.ts";
import { documents, mongo, MongoDrill } from "../../stores/mongo.ts";
import { redis } from "../../stores/redis.ts";
import type { Credential, Driver, Effect, Jobs, Journey, Session } from "../driver.ts";
import { tone } from "./audio.ts";
import { broken } from "./broken.ts";
import { budgetOf } from "./budgets.ts";
import { Client, PASSWORD, type Sample, USERS } from "./client.ts";

/** Nothing listens there: who would describe a sample is refused at once. */
const NOWHERE = "http://127.0.0.1:9";

interface Stored {
  readonly _id: string;
  readonly name: string;
  readonly state: Sample["state"];
  readonly attempts: number;
}
const FIELDS = { name: 1, state: 1, attempts: 1 } as const;
/** Samples by their names, however many have the same. */
const storedAs = ({ project }: Stack, names: readonly string[]): Promise<Stored[]> =>
  documents(project, "samples", { name: { $in: names } }, FIELDS);
const storedBy = ({ project }: Stack, ids: readonly string[]): Promise<Stored[]> =>
  documents(project, "samples", { _id: { $in: ids } }, FIELDS);

const SHORT = tone({ seconds: 0.2 });
/** The name of a file is the id of the write: a second execution would make a second sample of that name. */
const upload = (id: string): Write => ({
  path: `/api/samples?name=${id}.wav`,
  body: SHORT,
  headers: { "idempotency-key": id },
});
const counted = (found: readonly Stored[]): Map<string, number> =>
  new Map([...Map.groupBy(found, ({ name }) => name.replace(/\.wav$/, ""))].map(([id, all]) => [id, all.length]));

/** A sample is stored when it is acknowledged. */
const stored: Effect = {
  write: upload,
  count: async (stack, ids) =>
    counted(
      await storedAs(
        stack,
        ids.map((id) => `${id}.wav`),
      ),
    ),
};
/** A job analyses it. */
const analysed: Effect = {
  write: upload,
  count: async (stack, ids) => {
    const names = ids.map((id) => `${id}.wav`);
    return counted((await storedAs(stack, names)).filter(({ state }) => state === "ready"));
  },
  within: 120,
};

/** Seconds of sound that are analysed in a second, about: how long a job takes cannot be asked for. */
const SPEED = 60;
/** Sounds by their seconds: one of many minutes takes a second to make. */
const sounds = new Map<number, Uint8Array>();
const soundOf = (seconds: number): Uint8Array => {
  const sound = sounds.get(seconds) ?? tone({ seconds });
  sounds.set(seconds, sound);
  return sound;
};

const jobs: Jobs = {
  worker: "worker",
  begin: async (session, seconds) => {
    const name = `${randomUUID()}.wav`;
    const { status, body } = await (session as Client).upload(name, soundOf(seconds * SPEED));
    assert.equal(status, 202, JSON.stringify(body));
    return (body as Sample).id;
  },
  running: async (stack, ids) => (await storedBy(stack, ids)).filter(({ state }) => state === "analysing").length,
  done: async (stack, ids) =>
    new Map(
      (await storedBy(stack, ids)).filter(({ state }) => state === "ready").map(({ _id, attempts }) => [_id, attempts]),
    ),
};

/** The backend stores it, a job analyses it. */
const uploaded: Journey = {
  what: "an upload",
  begin: async (stack) => {
    const request = randomUUID().replaceAll("-", "");
    const { path, body, headers } = upload(request);
    const client = stack.session as Client;
    const { status } = await client.call("POST", path, { body, headers: { ...headers, "x-request-id": request } });
    assert.equal(status, 202);
    return request;
  },
  lines: ["edge", "backend", "worker"],
  spans: ["backend fastapi", "backend celery", "backend pymongo", "worker celery", "worker httpx", "worker pymongo"],
};

/** Who is logged in stays so, and who logs in gets a session that is signed with the new key. */
const sessionSecret: Credential = {
  secret: "sessionSecret",
  by: "rotate",
  watch: async (stack) => {
    const before = await new Client(stack.edge).enter();
    return async () => {
      assert.equal((await before.get("/api/auth/me")).status, 200, "signed before the rotation");
      assert.equal((await (await new Client(stack.edge).enter()).get("/api/auth/me")).status, 200);
    };
  },
};

/** Flower lets in who knows the new password, and nobody else. */
const flowerPassword: Credential = {
  secret: "flowerPassword",
  by: "set",
  watch: async (stack, next) => {
    const url = (await stack.project.output<Record<string, string>>("urls"))["flower"]!;
    const status = async (password: string): Promise<number> => {
      const authorization = `Basic ${Buffer.from(`admin:${password}`).toString("base64")}`;
      return (await fetch(`${url}/workers`, { headers: { authorization }, redirect: "manual" })).status;
    };
    assert.equal(await status(next), 401, "before it is set");
    return async () => {
      assert.equal(await status(next), 200);
      assert.equal(await status("a password that never was"), 401);
    };
  },
};

const FOLDER = "/var/lib/samplemind/samples";
const DROP_VECTORS = `from berth.chroma_admin import Chroma
chroma = Chroma("chroma")
for collection in chroma.collections():
    chroma.ask("DELETE", f"{chroma.base}/collections/{collection['name']}")
print(*chroma.collections(), sep="")`;

/** Deletes vectors and files. @returns what is left of them */
async function loseSounds({ project }: Stack): Promise<string> {
  const [backend] = await project.running("backend");
  const files = `find ${FOLDER} -type f -delete; find ${FOLDER} -type f`;
  const left = [
    await docker("exec", await project.container("chroma-exporter"), "python", "-c", DROP_VECTORS),
    await docker("exec", backend!, "sh", "-c", files),
  ];
  return left.join("").trim();
}

export const samplemind: Driver<Client> = {
  system: "samplemind",
  from: "samplemind-stage",
  config: {
    // How long a release is watched is no matter of a system.
    "berth:settle": 1,
    "berth:services": {
      backend: { replicas: 2, environment: { UVICORN_WORKERS: 2, LOGINS_PER_MINUTE: 10_000 } },
      frontend: { replicas: 2 },
      worker: { environment: { AI_PROVIDER_URL: NOWHERE } },
    },
  },
  secrets: () => ({ seedPassword: PASSWORD }),
  // The test users log in.
  unread: ["adminPassword"],
  enter: (url, user) => new Client(url).enter(user === "load" ? USERS[0] : USERS[1]),
  paths: { light: "/api/settings", data: "/api/samples?limit=5" },
  // An upload over a slow line.
  slow: (_, id) => upload(id),
  load: { share: 0.2, posts: 0.05 },
  keep: async (session, what) => {
    const { status, body } = await (session as Client).upload(`${what}.wav`, SHORT);
    assert.equal(status, 202, JSON.stringify(body));
    const { id } = body as Sample;
    await eventually(async () => assert.equal((await (session as Client).sample(id)).state, "ready"), 120);
  },
  // Its document, its file and its vector.
  keeps: async (session, what) => {
    const [found] = await (session as Client).search({ q: what });
    if (!found) return false;
    const parts = await Promise.all(
      ["audio", "similar"].map((part) => session.get(`/api/samples/${found.id}/${part}`)),
    );
    return parts.every(({ status }) => status === 200);
  },
  large: async (session, bytes) => {
    const { status, body } = await (session as Client).upload(`${randomUUID()}.wav`, tone({ seconds: bytes / 44_100 }));
    assert.equal(status, 202, JSON.stringify(body));
    return `/api/samples/${(body as Sample).id}/audio`;
  },
  effects: { direct: stored, later: analysed },
  jobs,
  journeys: [uploaded],
  stores: [mongo, redis],
  drill: (stack) => new MongoDrill(stack, () => loseSounds(stack)),
  restores: ["--mongo", "--chroma", "--samples"],
  // FerretDB tells nothing of connections (monitoring/rules/mongo.yml).
  untold: ["mongodb_connections", "mongodb_connections_available"],
  credentials: [sessionSecret, flowerPassword],
  broken,
  budgetOf,
  sources: {
    samplemind: "services/samplemind/src/app/main.py",
    "samplemind-frontend": "services/samplemind-frontend/src/main.tsx",
  },
  traffic: async (stack: Stack<Session>) => {
    const client = stack.session as Client;
    const { body } = await client.upload(`${randomUUID()}.wav`, SHORT);
    const { id } = body as Sample;
    return Promise.all(["", "/audio", "/waveform", "/similar"].map((part) => client.get(`/api/samples/${id}${part}`)));
  },
};
