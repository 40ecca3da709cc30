import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { SECRET_KEY, str, usePlugin } from "./plugin.ts";
import type { Made, Plugin, Props } from "./plugin.ts";

describe("random", function () {
  this.timeout(30_000);
  let plugin: Plugin;
  usePlugin("random", (started) => (plugin = started));

  const open = (value: unknown): string => {
    assert.ok(SECRET_KEY in (value as Props), "expected a secret");
    return str((value as Props)["value"]);
  };
  const stored = (made: Made, ...secrets: string[]): Made => ({
    ...made,
    outputs: { ...made.outputs, ...Object.fromEntries(secrets.map((name) => [name, open(made.outputs[name])])) },
  });

  it("8: a password is secret, of the length and the characters asked for, and has a hash", async () => {
    const { id, outputs } = await plugin.create("RandomPassword", {
      length: 24,
      special: false,
      minNumeric: 3,
      minUpper: 2,
    });
    const result = open(outputs["result"]);
    assert.equal(id, "none");
    assert.match(result, /^[A-Za-z0-9]{24}$/);
    assert.ok(result.replace(/[^0-9]/g, "").length >= 3 && result.replace(/[^A-Z]/g, "").length >= 2);
    assert.match(open(outputs["bcryptHash"]), /^\$2[aby]\$10\$.{53}$/);
  });

  it("8: overrideSpecial names the special characters", async () => {
    const { outputs } = await plugin.create("RandomPassword", {
      length: 8,
      upper: false,
      lower: false,
      numeric: false,
      overrideSpecial: "_-",
    });
    assert.match(open(outputs["result"]), /^[_-]{8}$/);
  });

  it("8: every change of a password replaces it, a keeper's too, creating first", async () => {
    const inputs: Props = { length: 16, keepers: { version: "1" } };
    const made = stored(await plugin.create("RandomPassword", inputs), "result", "bcryptHash");
    assert.equal((await plugin.diff("RandomPassword", made, inputs)).verdict, "none");
    for (const change of [{ keepers: { version: "2" } }, { length: 17 }, { special: false }] as Props[]) {
      const { verdict, deleteFirst } = await plugin.diff("RandomPassword", made, { ...inputs, ...change });
      assert.deepEqual([verdict, deleteFirst], ["replace", false]);
    }
  });

  it("8: an id has four spellings of the same bytes, and is no secret", async () => {
    const { id, outputs } = await plugin.create("RandomId", { byteLength: 6, prefix: "p-" });
    const bytes = Buffer.from(id, "base64url");
    assert.equal(bytes.length, 6);
    assert.equal(outputs["hex"], `p-${bytes.toString("hex")}`);
    assert.equal(outputs["b64Url"], `p-${bytes.toString("base64url")}`);
    assert.equal(outputs["b64Std"], `p-${bytes.toString("base64")}`);
    assert.equal(outputs["dec"], `p-${BigInt(`0x${bytes.toString("hex")}`)}`);
  });

  it("8: a changed keeper gives a new id", async () => {
    const made = await plugin.create("RandomId", { byteLength: 4, keepers: { content: "a" } });
    assert.equal((await plugin.diff("RandomId", made, { byteLength: 4, keepers: { content: "a" } })).verdict, "none");
    assert.equal(
      (await plugin.diff("RandomId", made, { byteLength: 4, keepers: { content: "b" } })).verdict,
      "replace",
    );
  });

  it("8: the id of random bytes is the value itself, in the clear", async () => {
    const { id, outputs } = await plugin.create("RandomBytes", { length: 8 });
    assert.equal(open(outputs["base64"]), id);
    assert.equal(open(outputs["hex"]), Buffer.from(id, "base64").toString("hex"));
  });

  it("8: strings, uuids and pets are their own ids", async () => {
    const text = await plugin.create("RandomString", { length: 12, special: false });
    assert.match(text.id, /^[A-Za-z0-9]{12}$/);
    assert.equal(text.outputs["result"], text.id);
    const uuid = await plugin.create("RandomUuid", {});
    assert.match(uuid.id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    assert.match((await plugin.create("RandomPet", {})).id, /^[a-z]+-[a-z]+$/);
  });
});
