import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { type SecretLeaf, weakness } from "../../../config/secrets.ts";

const made: SecretLeaf = { description: "A password.", example: "…", generated: 24, minLength: 8 };

describe("SM-47: what somebody set for prod", () => {
  for (const text of [
    "change-me-please-now",
    "ChangeMe12345678",
    "PASSWORD",
    "my-placeholder-text",
    "a long random text",
  ])
    it(`"${text}" is a placeholder`, () => assert.match(weakness(text, made)!.got, /^a placeholder, in prod$/));
  it("with fewer than eight different characters is refused", () =>
    assert.match(weakness("abcabcabcabcabcabc", made)!.got, /^fewer than 8 different/));
  it("says nothing of the value", () => {
    const { got, allowed } = weakness("change-me-please-now", made)!;
    assert.ok(!`${got}${allowed}`.includes("please"));
  });
  it("that is long and random is taken, and so is what nobody makes here", () => {
    for (const length of [16, 32]) assert.equal(weakness(randomBytes(length).toString("hex"), made), undefined);
    assert.equal(weakness("change-me", { description: "A key.", example: "…", minLength: 3 }), undefined);
    assert.equal(weakness("change-me", { ...made, form: "lines" }), undefined);
  });
});
