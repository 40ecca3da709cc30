/** What `pulumi config set --path` writes as text, though it is none. */
import assert from "node:assert/strict";
import { parseConfig, type RawSecret } from "../../../config/parse.ts";
import { metaOf } from "../../../config/schema.ts";
import { systems } from "../../../systems/index.ts";

const settingsOf = (values: Record<string, string>) =>
  parseConfig(
    { stack: "dev", values: new Map(Object.entries({ "berth:environment": "dev", ...values })), secrets: new Map() },
    systems.assistant.shape,
  ).settings;

/** A value whose parts are as text; variables of a service keep what they are. */
const inText = (value: unknown, key = ""): unknown => {
  if (key === "environment") return value;
  if (Array.isArray(value)) return value.map((one) => inText(one));
  if (typeof value !== "object" || value === null) return String(value);
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, inText(one, name)]));
};

describe("config/parse, of text,", () => {
  it("takes text inside of objects for what the schema wants, because pulumi config set --path writes fractions so", () => {
    assert.deepEqual(settingsOf({ "berth:host": '{"cpus":"1.5","memory":"8GiB"}' })?.host, {
      cpus: 1.5,
      memory: "8GiB",
    });
    const nested = '{"api":"{\\"cpus\\":\\"1.5\\",\\"environment\\":{\\"A\\":\\"1\\"}}"}';
    assert.deepEqual(settingsOf({ "berth:services": nested })?.services, {
      api: { cpus: 1.5, environment: { A: "1" } },
    });
    for (const wrong of ["1.3", "10.0", "1,5", "two", "", "01.5"])
      assert.equal(settingsOf({ "berth:services": `{"api":{"cpus":"${wrong}"}}` }), undefined, wrong);
  });

  for (const [system, { shape }] of Object.entries(systems))
    it(`takes the examples of ${system} with everything in them as text`, () => {
      const read = (name: string, value: unknown): unknown => {
        const raw = { stack: "dev", secrets: new Map<string, RawSecret>() };
        const whole = {
          "berth:environment": "dev",
          [`berth:${name}`]: typeof value === "string" ? value : JSON.stringify(value),
        };
        const { settings, problems } = parseConfig({ ...raw, values: new Map(Object.entries(whole)) }, shape);
        assert.deepEqual(problems, [], `${name}: ${JSON.stringify(value)}`);
        return (settings as unknown as Record<string, unknown>)[name];
      };
      for (const [name, type] of Object.entries(shape.settings.shape)) {
        const { example } = metaOf(type)!;
        if (name !== "environment") assert.deepEqual(read(name, inText(example)), read(name, example), name);
      }
    });
});
