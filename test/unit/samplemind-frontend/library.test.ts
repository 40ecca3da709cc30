import assert from "node:assert/strict";
import type { Sample, State } from "../../../services/samplemind-frontend/src/api.ts";
import {
  EMPTY,
  library,
  type LibraryAction,
  news,
  pause,
  unfinished,
} from "../../../services/samplemind-frontend/src/library.ts";

const sample = (id: string, state: State = "ready", error: string | null = null): Sample => ({
  id,
  name: `${id}.wav`,
  size: 1,
  type: "wav",
  state,
  error,
  created: "2026-11-27T09:38:00Z",
});
const after = (...actions: LibraryAction[]) => actions.reduce(library, EMPTY);
const page = (type: "loaded" | "continued", next: string | null, ...items: Sample[]): LibraryAction => ({
  type,
  page: { items, next },
});
const ids = ({ items }: { items: readonly Sample[] }): string => items.map(({ id }) => id).join(" ");

describe("the library", () => {
  it("goes on where its last page ended, and shows nothing twice", () => {
    const state = after(
      page("loaded", "b", sample("a"), sample("b")),
      page("continued", null, sample("b"), sample("c")),
    );
    assert.equal(ids(state), "a b c");
    assert.equal(state.next, null);
  });
  it("begins anew with another search", () =>
    assert.equal(ids(after(page("loaded", null, sample("a")), page("loaded", null, sample("b")))), "b"));
  it("shows a new sample first, and once", () => {
    const state = after(page("loaded", "b", sample("a"), sample("b")), {
      type: "added",
      sample: sample("b", "waiting"),
    });
    assert.equal(ids(state), "b a");
    assert.equal(state.items[0]!.state, "waiting");
  });
  it("keeps its order when samples change, and takes in none that it does not show", () => {
    const refreshed = { type: "refreshed", samples: [sample("b", "failed"), sample("x")] } as const;
    const state = after(page("loaded", null, sample("a"), sample("b", "waiting")), refreshed);
    assert.equal(ids(state), "a b");
    assert.equal(state.items[1]!.state, "failed");
  });
  it("forgets what was deleted", () =>
    assert.equal(
      ids(after(page("loaded", null, sample("a"), sample("b")), { type: "removed", ids: ["a", "x"] })),
      "b",
    ));
  it("shows what it has where it cannot be loaded, and no error once it can", () => {
    const failed = after(page("loaded", null, sample("a")), { type: "failed", error: "no" });
    assert.deepEqual([ids(failed), failed.phase, failed.error], ["a", "failed", "no"]);
    assert.equal("error" in library(failed, { type: "loading" }), false);
  });
  it("asks again for the oldest that are not finished, a few at a time", () => {
    const items = [sample("d", "waiting"), sample("c"), sample("b", "analysing"), sample("a", "failed")];
    assert.deepEqual(unfinished(items), ["d", "b"]);
    assert.deepEqual(unfinished(items, 1), ["b"]);
  });
  it("asks more and more seldom, up to every 15 s", () => {
    const pauses = [0, 1, 5, 100].map(pause);
    assert.equal(pauses[0], 1500);
    assert.ok(pauses[0] < pauses[1]! && pauses[1]! < pauses[2]!);
    assert.equal(pauses[3], 15_000);
  });
  it("tells what became of what was waited for, and of nothing else", () => {
    const before = [sample("a", "waiting"), sample("b", "analysing"), sample("c", "waiting"), sample("d")];
    const now = [sample("a"), sample("b", "failed", "it is cut off"), sample("c", "analysing"), sample("d")];
    assert.deepEqual(news(before, now), ["a.wav is analysed.", "b.wav failed: it is cut off"]);
    assert.deepEqual(news(before, [sample("a", "failed")]), ["a.wav failed: The analysis failed."]);
  });
});
