import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { withInstead } from "../../../config/instead.ts";
import { systems } from "../../../systems/index.ts";

const TEXT = JSON.stringify({
  shop: { "berth:mongo": { engine: "ferretdb", poolSize: 5 }, "berth:logLevel": "DEBUG" },
});

describe("config/instead", () => {
  it("changes nothing where there is nothing, or nothing for the system", () => {
    const values = new Map([["berth:debug", "true"]]);
    for (const text of ["", TEXT]) {
      const { values: whole, notices } = withInstead(values, "other", text);
      assert.deepEqual([[...whole], notices], [[...values], []]);
    }
  });
  it("fills in what the stack file leaves open, and says so of each", () => {
    const values = new Map([["berth:mongo", '{"poolSize":9}']]);
    const { values: whole, notices } = withInstead(values, "shop", TEXT);
    assert.deepEqual(JSON.parse(whole.get("berth:mongo")!), { engine: "ferretdb", poolSize: 9 });
    assert.equal(whole.get("berth:logLevel"), "DEBUG");
    assert.deepEqual(
      notices.map(({ key }) => key),
      ["berth:mongo.engine", "berth:logLevel"],
    );
  });
  it("counts less than the stack file", () => {
    const values = new Map([["berth:logLevel", "ERROR"]]);
    assert.equal(withInstead(values, "shop", TEXT).values.get("berth:logLevel"), "ERROR");
  });
  it("is refused where it is no such JSON; a stack file that is wrong there is left to whoever reads it", () => {
    for (const text of ["{broken", "[]", "1", '{"shop":1}'])
      assert.throws(
        () => withInstead(new Map(), "shop", text),
        /^Error: BERTH_INSTEAD is no JSON .* unset BERTH_INSTEAD$/,
      );
    const values = new Map([["berth:mongo", "nonsense"]]);
    assert.equal(withInstead(values, "shop", TEXT).values.get("berth:mongo"), "nonsense");
  });
  it("is known, in what the bench says, to the systems that it names", () => {
    const text = readFileSync(join(import.meta.dirname, "../../../bench/hub/instead.json"), "utf8");
    for (const [name, keys] of Object.entries(JSON.parse(text) as Record<string, Record<string, object>>)) {
      const system = (systems as Record<string, (typeof systems)["assistant"]>)[name]!;
      for (const key of Object.keys(keys)) assert.ok(key.slice("berth:".length) in system.shape.settings.shape, key);
      for (const image of Object.keys(keys["berth:baseImages"] ?? {})) assert.ok(image in system.images, image);
    }
  });
});
