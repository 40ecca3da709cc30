import assert from "node:assert/strict";
import { Turns } from "../../../components/turns.ts";

/** Lets everything go on that can. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

describe("turns", () => {
  /** Who has had a turn so far. */
  function asking(atOnce: number, ...who: string[]) {
    const turns = new Turns(atOnce);
    const began: string[] = [];
    for (const name of who) void turns.take(name).then(() => began.push(name));
    return { turns, began };
  }

  it("go to so many at once, and to nobody else", async () => {
    const { began } = asking(2, "a", "b", "c", "d");
    await settle();
    assert.deepEqual(began, ["a", "b"]);
  });
  it("pass on in the order of asking, whoever ends first", async () => {
    const { turns, began } = asking(2, "a", "b", "c", "d");
    turns.end("b");
    await settle();
    assert.deepEqual(began, ["a", "b", "c"]);
    turns.end("a");
    await settle();
    assert.deepEqual(began, ["a", "b", "c", "d"]);
  });
  it("are not given back by who has none, nor twice", async () => {
    const { turns, began } = asking(1, "a", "b", "c");
    turns.end("c");
    turns.end("a");
    turns.end("a");
    await settle();
    assert.deepEqual(began, ["a", "b"]);
  });
  it("may be taken again", async () => {
    const { turns, began } = asking(1, "a");
    turns.end("a");
    void turns.take("a").then(() => began.push("again"));
    await settle();
    assert.deepEqual(began, ["a", "again"]);
  });
});
