import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { str, usePlugin } from "./plugin.ts";
import type { Plugin, Props } from "./plugin.ts";
import { docker, IMAGE, LABEL, labels, unique } from "./support.ts";

describe("Network and Volume", function () {
  this.timeout(60_000);
  let plugin: Plugin;
  usePlugin("docker", (started) => (plugin = started));

  const inspected = async (kind: "network" | "volume", id: string): Promise<Record<string, unknown>> =>
    (JSON.parse(await docker(kind, "inspect", id)) as Record<string, unknown>[])[0]!;
  const there = (kind: "network" | "volume", id: string): Promise<boolean> =>
    docker(kind, "inspect", id).then(
      () => true,
      () => false,
    );

  it("A12/4: a network takes two seconds, and its state knows what the engine chose", async () => {
    const began = Date.now();
    const { id, outputs } = await plugin.create("Network", { name: unique("net"), labels, internal: true });
    assert.ok(Date.now() - began >= 2_000);
    assert.equal(outputs["driver"], "bridge");
    assert.equal(outputs["ipamDriver"], "default");
    assert.equal(outputs["scope"], "local");
    assert.equal((outputs["ipamConfigs"] as Props[]).length, 1);
    const network = await inspected("network", id);
    assert.equal(network["Internal"], true);
    assert.deepEqual(network["Labels"], { [LABEL]: "1" });
  });

  it("4: every change of a network replaces it; left-out options of the engine do not", async () => {
    const inputs: Props = { name: unique("net"), labels, options: { "com.docker.network.bridge.enable_icc": "true" } };
    const made = await plugin.create("Network", inputs);
    assert.equal((await plugin.diff("Network", made, inputs)).verdict, "none");
    const found = (await plugin.read("Network", made))!;
    assert.equal((await plugin.diff("Network", found, inputs)).verdict, "none");
    assert.equal((await plugin.diff("Network", found, { ...inputs, options: null })).verdict, "none");
    const changes: Props[] = [
      { internal: true },
      { labels: [] },
      { driver: "macvlan" },
      { name: "other" },
      { attachable: true },
      { ipamConfigs: [{ subnet: "10.98.7.0/24" }] },
    ];
    for (const change of changes)
      assert.equal(
        (await plugin.diff("Network", found, { ...inputs, ...change })).verdict,
        "replace",
        JSON.stringify(change),
      );
  });

  it("2.2: a name of its own makes a replacement delete first, an automatic one does not", async () => {
    const own: Props = { name: unique("vol"), labels };
    const named = await plugin.create("Volume", own);
    assert.equal((await plugin.diff("Volume", named, { ...own, labels: [] })).deleteFirst, true);
    const auto = await plugin.create("Volume", { labels }, { name: "conformance-auto" });
    const { verdict, deleteFirst } = await plugin.diff("Volume", auto, { labels: [] });
    assert.deepEqual([verdict, deleteFirst], ["replace", false]);
    await plugin.remove("Volume", auto);
  });

  it("4: deleting a network waits for its last endpoint", async () => {
    const made = await plugin.create("Network", { name: unique("net"), labels });
    const container = await docker("run", "-d", "--label", LABEL, "--network", made.id, IMAGE, "sleep", "600");
    const removal = plugin.remove("Network", made);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    assert.equal(await there("network", made.id), true);
    await docker("rm", "-f", container);
    await removal;
    assert.equal(await there("network", made.id), false);
  });

  it("4: a network that is gone is gone from the state", async () => {
    const made = await plugin.create("Network", { name: unique("net"), labels });
    await docker("network", "rm", made.id);
    assert.equal(await plugin.read("Network", made), undefined);
  });

  it("4: a volume keeps its data over a second create: it is adopted", async () => {
    const name = unique("vol");
    await docker("run", "--rm", "-v", `${name}:/data`, IMAGE, "sh", "-c", "echo kept > /data/file");
    const { id, outputs } = await plugin.create("Volume", { name });
    assert.equal(id, name);
    assert.ok(str(outputs["mountpoint"]).endsWith(`${name}/_data`));
    assert.equal(await docker("run", "--rm", "-v", `${name}:/data`, IMAGE, "cat", "/data/file"), "kept");
  });

  it("4: an adopted volume whose labels are not the program's is to be replaced from the first refresh on", async () => {
    const name = unique("vol");
    await docker("volume", "create", "--label", "other=1", name);
    for (const inputs of [{ name, labels }, { name }] as Props[]) {
      const made = await plugin.create("Volume", inputs);
      assert.equal((await plugin.diff("Volume", made, inputs)).verdict, "none");
      const found = (await plugin.read("Volume", made))!;
      const { verdict, replaces } = await plugin.diff("Volume", found, inputs);
      assert.deepEqual([verdict, [...new Set(replaces)]], ["replace", ["labels"]]);
    }
  });

  it("4: an adopted volume with driver options is to be replaced at once", async () => {
    const name = unique("vol");
    await docker("volume", "create", "--opt", "type=tmpfs", "--opt", "device=tmpfs", name);
    const made = await plugin.create("Volume", { name });
    assert.equal((await plugin.diff("Volume", made, { name })).verdict, "replace");
  });

  it("4: deleting a volume waits for its last user, and what is gone already is no error", async () => {
    const made = await plugin.create("Volume", { name: unique("vol"), labels });
    const container = await docker("run", "-d", "--label", LABEL, "-v", `${made.id}:/data`, IMAGE, "sleep", "600");
    const removal = plugin.remove("Volume", made);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    assert.equal(await there("volume", made.id), true);
    await docker("rm", "-f", container);
    await removal;
    assert.equal(await there("volume", made.id), false);
    assert.equal(await plugin.read("Volume", made), undefined);
    await plugin.remove("Volume", made);
  });

  it("A12: a preview makes neither", async () => {
    const name = unique("preview");
    await plugin.create("Network", { name }, { preview: true });
    await plugin.create("Volume", { name }, { preview: true });
    assert.deepEqual([await there("network", name), await there("volume", name)], [false, false]);
  });
});
