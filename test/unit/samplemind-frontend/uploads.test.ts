import assert from "node:assert/strict";
import fc from "fast-check";
import { ApiError } from "../../../services/samplemind-frontend/src/api.ts";
import {
  explain,
  startable,
  type Upload,
  type UploadAction,
  uploads,
  uuid,
} from "../../../services/samplemind-frontend/src/uploads.ts";

const LIMIT = 100;
const file = (id: string, size = 10) => ({ id, name: `${id}.wav`, size });
const after = (...actions: UploadAction[]): readonly Upload[] => actions.reduce(uploads, []);
const added = (...ids: string[]): UploadAction => ({ type: "added", files: ids.map((id) => file(id)), limit: LIMIT });
const failed = (id: string, status: number): UploadAction => ({
  type: "failed",
  id,
  error: new ApiError(status, "so it is"),
  limit: LIMIT,
});
const states = (all: readonly Upload[]): string => all.map(({ id, state }) => `${id} ${state}`).join(", ");

describe("uploads", () => {
  it("start two at a time, in their order", () => {
    const all = after(added("a", "b", "c"));
    assert.deepEqual(
      startable(all).map(({ id }) => id),
      ["a", "b"],
    );
    const sending = [...startable(all)].reduce((sum, { id }) => uploads(sum, { type: "started", id }), all);
    assert.deepEqual(startable(sending), []);
    assert.deepEqual(
      startable(uploads(sending, { type: "stored", id: "b" })).map(({ id }) => id),
      ["c"],
    );
  });
  it("go through their states", () => {
    const sent = after(added("a"), { type: "started", id: "a" }, { type: "progress", id: "a", sent: 7 });
    assert.deepEqual(sent, [{ id: "a", name: "a.wav", size: 10, sent: 7, state: "sending" }]);
    assert.equal(states(uploads(sent, { type: "cancelled", id: "a" })), "a cancelled");
  });
  it("that are empty or too large are not sent", () => {
    const files = [file("empty", 0), file("full", LIMIT * 1_000_000), file("over", LIMIT * 1_000_000 + 1)];
    const all = after({ type: "added", files, limit: LIMIT });
    assert.equal(states(all), "empty failed, full queued, over failed");
    assert.equal(all[0]!.error, "The file is empty.");
    assert.equal(all[2]!.error, "The file has 100.0 MB. At most 100 MB are taken.");
    assert.equal(states(after({ type: "added", files: [file("huge", 2e9)], limit: undefined })), "huge queued");
  });
  it("can be tried again where that may help, under the same key", () => {
    const tried = (status: number) => after(added("a"), { type: "started", id: "a" }, failed("a", status))[0]!.retry;
    for (const status of [0, 429, 500, 502, 503, 504, 507]) assert.equal(tried(status), true, String(status));
    for (const status of [400, 401, 403, 413, 415, 422]) assert.equal(tried(status), false, String(status));
    const again = after(added("a"), { type: "progress", id: "a", sent: 9 }, failed("a", 503), {
      type: "again",
      id: "a",
    });
    assert.equal(states(again), "a queued");
    assert.equal(again[0]!.sent, 0);
  });
  it("that are over are cleared, and those on their way are not", () => {
    const all = after(added("a", "b", "c"), { type: "started", id: "a" }, { type: "stored", id: "b" });
    assert.equal(states(uploads(all, { type: "cleared" })), "a sending, c queued");
  });
  it("that failed say why", () => {
    const said = (status: number, code = "", wait?: number) =>
      explain(new ApiError(status, "so it is", code, wait), LIMIT);
    assert.equal(said(413), "The file is too large: at most 100 MB are taken.");
    assert.equal(said(415), "This is no WAV, FLAC or MP3 file, whatever its name says.");
    assert.equal(said(422, "empty"), "The file is empty.");
    assert.equal(said(422, "bad_name"), "The file's name cannot be taken: rename the file.");
    assert.equal(said(422, "other"), "so it is");
    assert.equal(said(503, "", 7), "The server is busy or being updated. Try again in 7 s.");
    assert.equal(said(507), "The server has no space left for this file. Try again after samples were deleted.");
    assert.equal(said(0), "so it is");
  });
  it("have a key that is a UUID of random bytes", () => {
    assert.equal(uuid(new Uint8Array(16)), "00000000-0000-4000-8000-000000000000");
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) =>
        assert.match(uuid(bytes), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
      ),
    );
  });
});
