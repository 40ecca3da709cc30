import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { generated } from "../../../config/generate.ts";
import { settingsSchema } from "../../../config/schema.ts";
import { secretKeys } from "../../../config/secrets.ts";

const ROOT = join(import.meta.dirname, "../../..");

describe("what is made from the schema", () => {
  for (const [file, text] of Object.entries(generated))
    it(`${file} is current (npm run schema)`, () => assert.equal(readFileSync(join(ROOT, file), "utf8"), text));

  it("knows every key of the stack files, which refer to it", () => {
    const schema = JSON.parse(generated["config/stack.schema.json"]!) as {
      properties: { config: { properties: Record<string, unknown> } };
    };
    const known = Object.keys(schema.properties.config.properties);
    assert.equal(known.length, Object.keys(settingsSchema.shape).length + secretKeys.length);
    for (const stack of ["dev", "stage", "prod"]) {
      const text = readFileSync(join(ROOT, `Pulumi.${stack}.yaml`), "utf8");
      assert.match(text, /^# yaml-language-server: \$schema=\.\/config\/stack\.schema\.json/);
      for (const key of Object.keys((parse(text) as { config: object }).config))
        assert.ok(known.includes(key), `${stack}: ${key}`);
    }
  });
});
