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

  it("takes what pulumi config set writes: text, of whatever is no text", () => {
    const only: string[] = [];
    const look = (value: unknown, path: string): void => {
      if (typeof value !== "object" || value === null) return;
      const { type } = value as { type?: unknown };
      if (/^(?:number|integer|boolean|array|object)$/.test(String(type)) && !/\/(?:config|[^/]*anyOf\/\d+)$/.test(path))
        only.push(path);
      for (const [name, one] of Object.entries(value)) look(one, `${path}/${name}`);
    };
    const { definitions, properties } = JSON.parse(generated["config/stack.schema.json"]!) as {
      definitions: object;
      properties: { config: { anyOf: { properties: Record<string, { description: string }> }[] } };
    };
    look(definitions, "");
    // Secrets alone are never text.
    for (const { properties: own } of properties.config.anyOf)
      look(Object.fromEntries(Object.entries(own).filter(([, one]) => !JSON.stringify(one).includes('"secure"'))), "");
    assert.deepEqual(only, []);
    const of = (path: readonly string[]) =>
      path.reduce<unknown>((at, step) => (at as Record<string, unknown>)[step], definitions) as {
        type: string[];
        pattern: string;
      };
    const cpus = of(["berth:services", "additionalProperties", "properties", "cpus"]);
    assert.deepEqual(cpus.type, ["number", "string"]);
    for (const [text, taken] of [
      ["1.5", true],
      ["2", true],
      ["two", false],
    ] as const)
      assert.equal(new RegExp(cpus.pattern).test(text), taken, text);
  });

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
