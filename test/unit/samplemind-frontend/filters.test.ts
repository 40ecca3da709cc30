import assert from "node:assert/strict";
import fc from "fast-check";
import { filtersOf, isSet, KEYS, NONE, problemOf, queryOf } from "../../../services/samplemind-frontend/src/filters.ts";

describe("filters of the library", () => {
  it("are in the address, and come back from it", () => {
    const filters = { q: "kick & snare", key: "F# minor", tempo_min: "90", tempo_max: "120.5" };
    assert.equal(queryOf(filters).toString(), "q=kick+%26+snare&key=F%23+minor&tempo_min=90&tempo_max=120.5");
    assert.deepEqual(filtersOf(new URLSearchParams(queryOf(filters).toString())), filters);
  });
  it("that are not set stand in no address", () => {
    assert.equal(queryOf({ ...NONE, q: "  " }).toString(), "");
    assert.equal(isSet({ ...NONE, q: "  " }), false);
    assert.equal(isSet({ ...NONE, tempo_max: "0" }), true);
  });
  it("of an address that somebody made up narrow nothing", () =>
    assert.deepEqual(filtersOf(new URLSearchParams("key=H+dur&tempo_min=fast&tempo_max=-1&x=y")), NONE));
  it("that an address brought are ones the API takes, whatever it says", () =>
    fc.assert(
      fc.property(fc.string(), fc.string(), fc.string(), (key, from, to) => {
        const { tempo_min, tempo_max, ...others } = filtersOf(
          new URLSearchParams({ key, tempo_min: from, tempo_max: to }),
        );
        assert.ok(others.key === "" || KEYS.includes(others.key));
        for (const tempo of [tempo_min, tempo_max]) assert.equal(problemOf({ ...NONE, tempo_min: tempo }), undefined);
      }),
    ));
  it("know 24 keys", () => assert.equal(new Set(KEYS).size, 24));
  it("that find nothing ever are told so", () => {
    assert.equal(problemOf({ ...NONE, tempo_min: "9", tempo_max: "10" }), undefined);
    assert.equal(problemOf({ ...NONE, tempo_min: "120", tempo_max: "90" }), "No tempo is from 120 to 90.");
    assert.equal(problemOf({ ...NONE, tempo_max: "1e3" }), "A tempo is a number from 0 to 1000, not 1e3.");
    assert.equal(problemOf({ ...NONE, tempo_min: "1001" }), "A tempo is a number from 0 to 1000, not 1001.");
  });
});
