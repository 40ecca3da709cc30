import assert from "node:assert/strict";
import { keptHere } from "../../../config/here.ts";

describe("config/here", () => {
  const NAME = "BERTH_KEEP_UNIT";
  afterEach(() => delete process.env[NAME]);
  it("takes a number of what is kept, and no word for none of them", () => {
    assert.equal(keptHere(NAME, 5), 5);
    process.env[NAME] = "12";
    assert.equal(keptHere(NAME, 5), 12);
    for (const wrong of ["0", "-1", "many", "1.5", " "]) {
      process.env[NAME] = wrong;
      assert.throws(() => keptHere(NAME, 5), /BERTH_KEEP_UNIT is .*Nothing was touched/, wrong);
    }
  });
});
