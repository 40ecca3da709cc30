import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { generated as generatedFrom } from "../../../config/generate.ts";
import { systems } from "../../../systems/index.ts";

const ROOT = join(import.meta.dirname, "../../..");
const generated = generatedFrom(systems);

describe("what is made from the schema", () => {
  for (const [file, text] of Object.entries(generated))
    it(`${file} is current (npm run schema)`, () => assert.equal(readFileSync(join(ROOT, file), "utf8"), text));

  it("knows every key of the stack files, which refer to it", () => {
    const schema = JSON.parse(generated["config/stack.schema.json"]!) as {
      properties: { config: { anyOf: { title: string; properties: Record<string, unknown> }[] } };
    };
    assert.deepEqual(
      schema.properties.config.anyOf.map(({ title }) => title),
      Object.keys(systems),
    );
    const known = Object.keys(schema.properties.config.anyOf[0]!.properties);
    const { settings, secrets } = systems.assistant.shape;
    assert.equal(known.length, Object.keys({ ...settings.shape, ...secrets }).length);
    for (const stack of ["dev", "stage", "prod"]) {
      const text = readFileSync(join(ROOT, `Pulumi.${stack}.yaml`), "utf8");
      assert.match(text, /^# yaml-language-server: \$schema=\.\/config\/stack\.schema\.json/);
      for (const key of Object.keys((parse(text) as { config: object }).config))
        assert.ok(known.includes(key), `${stack}: ${key}`);
    }
  });
});
