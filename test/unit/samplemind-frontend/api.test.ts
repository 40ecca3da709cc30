import assert from "node:assert/strict";
import { type Answer, ApiError, createApi, errorOf, type Send } from "../../../services/samplemind-frontend/src/api.ts";

interface Asked {
  readonly path: string;
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body: unknown;
}

/** An API whose every request is answered alike. @returns It, and what was asked. */
function answering(status: number, body: unknown, headers: Record<string, string> = {}) {
  const asked: Asked[] = [];
  const fetch = (path: unknown, { method, headers: sent, body: text }: RequestInit = {}) => {
    const given = { method: method!, headers: sent as Record<string, string> };
    asked.push({ path: String(path), ...given, body: text === undefined ? text : JSON.parse(text as string) });
    const answer = typeof body === "string" ? body : JSON.stringify(body);
    return Promise.resolve(new Response(status === 204 ? null : answer, { status, headers }));
  };
  const send: Send = (path, file, sent, progress) => {
    asked.push({ path, method: "POST", headers: sent, body: file });
    progress(file.size);
    return Promise.resolve({ status, body: JSON.stringify(body), retryAfter: null });
  };
  return { api: createApi(fetch, send), asked };
}
const nobody = createApi(
  () => Promise.reject(new TypeError("fetch failed")),
  () => Promise.reject(new Error("unused")),
);

describe("the API's client", () => {
  it("logs in, and marks the change as its own", async () => {
    const { api, asked } = answering(200, { token: "secret", user: { email: "a@example.org" } });
    assert.deepEqual(await api.login("a@example.org", "pass word"), { email: "a@example.org" });
    assert.deepEqual(asked, [
      {
        path: "/api/auth/login",
        method: "POST",
        headers: { "X-Requested-With": "samplemind", "Content-Type": "application/json" },
        body: { email: "a@example.org", password: "pass word" },
      },
    ]);
  });
  it("knows that nobody is logged in from other errors", async () => {
    assert.equal(await answering(401, { error: { code: "unauthorised", message: "Log in." } }).api.me(), undefined);
    await assert.rejects(answering(500, "").api.me(), { status: 500 });
  });
  it("lists with filters, and from where the last page ended", async () => {
    const { api, asked } = answering(200, { items: [], next: null });
    await api.list(new URLSearchParams({ q: "a&b", key: "C# minor" }), "x/1");
    assert.equal(asked[0]!.path, "/api/samples?q=a%26b&key=C%23+minor&limit=50&before=x%2F1");
  });
  it("sends a file under its name, whatever that is, with its key", async () => {
    const { api, asked } = answering(202, { sample: { id: "1" } });
    const sent: number[] = [];
    const file = new Blob(["RIFF"]);
    const name = "../größe & 100%.WAV";
    const sample = await api.upload(name, file, "key", (bytes) => sent.push(bytes), new AbortController().signal);
    assert.equal(sample.id, "1");
    assert.deepEqual(sent, [4]);
    assert.equal(new URL(asked[0]!.path, "http://x").searchParams.get("name"), name);
    assert.deepEqual(asked[0]!.headers, {
      "X-Requested-With": "samplemind",
      "Content-Type": "audio/wav",
      "Idempotency-Key": "key",
    });
  });
  it("takes a sample that stands for itself, and says of an unknown kind nothing", async () => {
    const { api, asked } = answering(202, { id: "1" });
    const upload = api.upload("noise", new Blob(["x"]), "key", () => undefined, new AbortController().signal);
    assert.equal((await upload).id, "1");
    assert.equal(asked[0]!.headers["Content-Type"], "application/octet-stream");
  });
  it("deletes, and needs no answer to read", async () => {
    const { api, asked } = answering(204, undefined);
    assert.equal(await api.delete("a/b"), undefined);
    assert.deepEqual([asked[0]!.method, asked[0]!.path], ["DELETE", "/api/samples/a%2Fb"]);
    assert.equal(asked[0]!.headers["X-Requested-With"], "samplemind");
  });
  it("tells a server that is away from a request that was given up", async () => {
    await assert.rejects(nobody.settings(), (error) => error instanceof ApiError && error.status === 0);
    const end = new AbortController();
    end.abort();
    await assert.rejects(nobody.settings(end.signal), (error) => !(error instanceof ApiError));
  });
  it("does not take a page for an answer", () =>
    assert.rejects(answering(200, "<!doctype html>").api.settings(), {
      message: "The server's answer cannot be read.",
    }));
});

describe("an error", () => {
  const said = (status: number, body: string, retryAfter: string | null = null): string =>
    errorOf({ status, body, retryAfter } satisfies Answer).message;
  it("is told in the API's words where it has some", () => {
    const error = errorOf({ status: 422, body: '{"error":{"code":"bad_name","message":"No."}}', retryAfter: null });
    assert.deepEqual([error.message, error.code, error.status], ["No.", "bad_name", 422]);
  });
  it("of the edge is told, with when to come back", () => {
    const body = '{"error":"unavailable","retry_after":5}';
    assert.equal(said(503, body, "5"), "The server is not available at the moment. Try again in 5 s.");
    assert.equal(
      said(503, body, "Fri, 27 Nov 2026 09:38:00 GMT"),
      "The server is not available at the moment. Try again later.",
    );
    assert.equal(said(429, "", "9"), "Too many requests. Try again in 9 s.");
    assert.equal(said(413, "<html>"), "This is larger than the server takes.");
  });
  it("that says nothing is a number", () => {
    for (const body of ["", "null", "[]", '"text"', '{"error":{"code":1}}'])
      assert.equal(said(500, body), "The server answered with an error (500).", body);
  });
});
