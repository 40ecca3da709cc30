import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, before, beforeEach, describe, it } from "mocha";
import { SECRET_KEY, str, usePlugin } from "./plugin.ts";
import type { Made, Plugin, Props } from "./plugin.ts";
import { docker, IMAGE, labels, REGISTRY, unique } from "./support.ts";

describe("Image", function () {
  this.timeout(120_000);
  let plugin: Plugin;
  let context: string;
  usePlugin("docker", (started) => (plugin = started), {
    registryAuth: JSON.stringify([{ address: `http://${REGISTRY}`, authDisabled: true }]),
  });
  beforeEach(() => {
    context = mkdtempSync(join(tmpdir(), "conformance-image-"));
    writeFileSync(join(context, "Dockerfile"), `FROM ${IMAGE}\nARG WORD\nCOPY . /app/\nRUN echo "$WORD" > /word\n`);
    writeFileSync(join(context, "file"), "one");
    writeFileSync(join(context, ".dockerignore"), "ignored\nfolder/*\n!folder/kept\n");
  });
  afterEach(() => rmSync(context, { recursive: true, force: true }));

  const inputs = (build: Props = {}, more: Props = {}): Props => ({
    imageName: `localhost/${unique("image")}:1`,
    skipPush: true,
    build: { context, platform: "linux/amd64", ...build },
    ...more,
  });
  const digest = async (): Promise<unknown> =>
    ((await plugin.check("Image", "subject", inputs()))["build"] as Props)["contextDigest"];
  const stored = (made: Made): Made => {
    // The engine unwraps secrets before it hands the state back to a provider that takes none.
    const wrapped = made.outputs["__inputs"] as Props;
    return { ...made, outputs: { ...made.outputs, __inputs: wrapped["value"]! } };
  };

  it("1.3: the context's digest follows names, contents and modes, not times and ignored files", async () => {
    const first = await digest();
    assert.match(str(first), /^[0-9a-f]{64}$/);
    utimesSync(join(context, "file"), 1, 1);
    writeFileSync(join(context, "ignored"), "anything");
    mkdirSync(join(context, "folder"));
    writeFileSync(join(context, "folder/ignored"), "anything");
    assert.equal(await digest(), first);
    const seen = new Set([first]);
    const differs = async (what: string): Promise<void> => {
      const next = await digest();
      assert.ok(!seen.has(next), what);
      seen.add(next);
    };
    writeFileSync(join(context, "folder/kept"), "kept");
    await differs("a file that the ignore file takes back");
    writeFileSync(join(context, "file"), "two");
    await differs("a content");
    chmodSync(join(context, "file"), 0o755);
    await differs("a mode");
    writeFileSync(join(context, "other"), "two");
    await differs("a name");
  });

  it("1.3: the Dockerfile's own ignore file goes before the context's", async () => {
    const first = await digest();
    writeFileSync(join(context, "Dockerfile.dockerignore"), "file\n");
    const second = await digest();
    assert.notEqual(second, first);
    writeFileSync(join(context, "file"), "two");
    assert.equal(await digest(), second);
  });

  it("1.3: defaults and checks: the Dockerfile of the context, the machine's platform, a qualified name unless nothing is pushed", async () => {
    const checked = (
      await plugin.check("Image", "subject", { imageName: "plain", skipPush: true, build: { context } })
    )["build"] as Props;
    assert.equal(checked["dockerfile"], join(context, "Dockerfile"));
    assert.match(str(checked["platform"]), /^linux\//);
    await assert.rejects(
      plugin.check("Image", "subject", { ...inputs(), imageName: "plain", skipPush: false }),
      /fully qualified/,
    );
    await assert.rejects(
      plugin.check("Image", "subject", inputs({ dockerfile: `${context}/none` })),
      /Dockerfile|dockerfile/,
    );
  });

  it("A11/1.5: with skipPush the digest is the local image's id, and a container takes it", async () => {
    const made = await plugin.create("Image", inputs({ args: { WORD: "argued" } }));
    const id = await docker("image", "inspect", "--format", "{{.Id}}", str(made.inputs["imageName"]));
    assert.equal(made.outputs["repoDigest"], id);
    assert.equal(made.id, made.inputs["imageName"]);
    assert.equal(made.outputs["baseImageName"], made.inputs["imageName"]);
    assert.equal(made.outputs["dockerfile"], "Dockerfile");
    const container: Props = {
      image: id,
      labels,
      command: ["sh", "-c", "stat -c '%u:%g' /app/file; cat /word; sleep 0.5"],
      attach: true,
      logs: true,
      mustRun: false,
    };
    const ran = await plugin.create("Container", container);
    assert.equal(ran.outputs["containerLogs"], "0:0\nargued\n", "the context belongs to root");
    assert.equal((await plugin.diff("Container", (await plugin.read("Container", ran))!, container)).verdict, "none");
  });

  describe("pushed", () => {
    /** What the registry itself says of a tag or digest. */
    const digestAt = async (repository: string, tag: string): Promise<string | null> =>
      (
        await fetch(`http://${repository.replace("/", "/v2/")}/manifests/${tag}`, {
          method: "HEAD",
          headers: {
            accept: "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json",
          },
        })
      ).headers.get("docker-content-digest");
    let repository: string;
    let given: Props;
    beforeEach(() => {
      repository = `${REGISTRY}/${unique("image")}`;
      // An image of its own: one that is in two repositories has two digests.
      writeFileSync(join(context, "file"), repository);
      given = inputs({}, { imageName: `${repository}:1`, skipPush: false });
    });

    it("1.5: the digest is the registry's, and a container runs it, with no difference after", async () => {
      const made = await plugin.create("Image", given);
      const digest = await digestAt(repository, "1");
      assert.match(digest!, /^sha256:[0-9a-f]{64}$/);
      assert.equal(made.outputs["repoDigest"], `${repository}@${digest}`);
      assert.equal(made.id, `${repository}:1`);
      const container: Props = { image: str(made.outputs["repoDigest"]), labels, command: ["sleep", "600"] };
      const ran = await plugin.create("Container", container);
      assert.equal((await plugin.diff("Container", (await plugin.read("Container", ran))!, container)).verdict, "none");
      await plugin.remove("Container", ran);
    });

    it("1.5: other content under the same tag moves the tag and gives another digest; the former one stays", async () => {
      const made = await plugin.create("Image", given);
      writeFileSync(join(context, "file"), "two");
      const next = await plugin.update("Image", stored(made), given);
      assert.notEqual(next.outputs["repoDigest"], made.outputs["repoDigest"]);
      assert.equal(next.outputs["repoDigest"], `${repository}@${await digestAt(repository, "1")}`);
      const former = str(made.outputs["repoDigest"]).split("@")[1]!;
      assert.equal(await digestAt(repository, former), former);
    });

    it("1.4: a preview pushes nothing", async () => {
      await plugin.create("Image", given, { preview: true });
      assert.equal(await digestAt(repository, "1"), null);
    });

    it("4: getRegistryImage finds a digest that the engine does not have; without a tag before it, or where there is none, it fails", async () => {
      const made = await plugin.create("Image", given);
      const digest = str(made.outputs["repoDigest"]).split("@")[1]!;
      await docker("rmi", "-f", `${repository}:1`);
      const ask = (name: string) => plugin.invoke("getRegistryImage", { name });
      assert.equal((await ask(`${repository}:any@${digest}`))["sha256Digest"], digest);
      assert.equal((await ask(`${repository}:1`))["sha256Digest"], digest);
      await assert.rejects(ask(`${repository}@${digest}`), /Got error when attempting to fetch image version/);
      await assert.rejects(
        ask(`${repository}:any@sha256:${"0".repeat(64)}`),
        /got bad response from registry: 404 Not Found/,
      );
      // Looking pulls nothing.
      await assert.rejects(docker("image", "inspect", `${repository}@${digest}`));
    });

    it("4: getRemoteImage finds what the engine has, by name, id and digest, and nothing else", async () => {
      const made = await plugin.create("Image", given);
      const id = await docker("image", "inspect", "--format", "{{.Id}}", `${repository}:1`);
      for (const name of [`${repository}:1`, str(made.outputs["repoDigest"]), id]) {
        const found = await plugin.invoke("getRemoteImage", { name });
        assert.equal(found["id"], id);
        assert.equal(found["repoDigest"], made.outputs["repoDigest"]);
      }
      await docker("rmi", "-f", `${repository}:1`);
      await assert.rejects(
        plugin.invoke("getRemoteImage", { name: str(made.outputs["repoDigest"]) }),
        /did not find docker image/,
      );
    });
  });

  it("1.4: every change is an update, and credentials are none", async () => {
    const given = inputs({}, { registry: { server: "localhost", username: "me", password: "one" } });
    const made = stored(await plugin.create("Image", given));
    assert.equal((await plugin.diff("Image", made, given)).verdict, "none");
    const changes: Props[] = [
      { imageName: "localhost/conformance-other:1" },
      { build: { ...(given["build"] as Props), args: { A: "1" } } },
      { build: { ...(given["build"] as Props), target: "x" } },
      { skipPush: false, imageName: "localhost:5000/conformance-other:1" },
    ];
    for (const change of changes)
      assert.equal(
        (await plugin.diff("Image", made, { ...given, ...change })).verdict,
        "update",
        JSON.stringify(change),
      );
    const rotated = { ...given, registry: { server: "localhost", username: "me", password: "two" } };
    assert.equal((await plugin.diff("Image", made, rotated)).verdict, "none");
    writeFileSync(join(context, "file"), "changed");
    assert.equal((await plugin.diff("Image", made, given)).verdict, "update");
  });

  it("1.4: a pruned image is not missed, and a deletion leaves the image", async () => {
    const given = inputs();
    const made = stored(await plugin.create("Image", given));
    await plugin.remove("Image", made);
    await docker("image", "inspect", made.id);
    await docker("rmi", "-f", made.id);
    const found = await plugin.read("Image", made);
    assert.equal(found!.outputs["repoDigest"], made.outputs["repoDigest"]);
    assert.equal(
      (
        await plugin.diff(
          "Image",
          stored({ ...made, outputs: { ...made.outputs, __inputs: { value: made.outputs["__inputs"]! } } }),
          given,
        )
      ).verdict,
      "none",
    );
  });

  it("1.4: a preview builds nothing and promises no digest", async () => {
    const given = inputs();
    const { outputs } = await plugin.create("Image", given, { preview: true });
    assert.equal(outputs["repoDigest"], undefined);
    await assert.rejects(docker("image", "inspect", str(given["imageName"])));
  });

  it("1.6: the inputs are stored as one secret", async () => {
    const { outputs } = await plugin.create("Image", inputs({ args: { WORD: "hidden-word" } }));
    const { __inputs: hidden, ...open } = outputs;
    assert.ok(SECRET_KEY in (hidden as Props));
    assert.ok(!JSON.stringify(open).includes("hidden-word"));
  });

  it("1.2: a build that fails is an error, and nothing is stored", async () => {
    writeFileSync(join(context, "Dockerfile"), `FROM ${IMAGE}\nRUN echo reason-of-failure && false\n`);
    await assert.rejects(plugin.create("Image", inputs()), /error reading build output: .*exit code: 1/);
  });
});

describe("RemoteImage", function () {
  this.timeout(60_000);
  let plugin: Plugin;
  const name = `localhost/${unique("remote")}:1`;
  usePlugin("docker", (started) => (plugin = started));
  before(() => docker("tag", IMAGE, name));

  it("4: what the engine has is not pulled; its id is known", async () => {
    const made = await plugin.create("RemoteImage", { name, keepLocally: true });
    const id = await docker("image", "inspect", "--format", "{{.Id}}", IMAGE);
    assert.deepEqual([made.outputs["imageId"], made.outputs["name"]], [id, name]);
    assert.equal((await plugin.diff("RemoteImage", made, { name, keepLocally: true })).verdict, "none");
  });
  it("4: an id is a name, too", async () => {
    const id = await docker("image", "inspect", "--format", "{{.Id}}", IMAGE);
    assert.equal((await plugin.create("RemoteImage", { name: id, keepLocally: true })).outputs["imageId"], id);
  });
  it("4: what cannot be had is an error, and nothing is made", async () => {
    await assert.rejects(
      plugin.create("RemoteImage", { name: `127.0.0.1:1/${unique("nowhere")}:1`, keepLocally: true }),
      /unable to (pull|read)/i,
    );
  });
  it("4: another name is a replacement", async () => {
    const made = await plugin.create("RemoteImage", { name, keepLocally: true });
    const { verdict, replaces } = await plugin.diff("RemoteImage", made, { name: IMAGE, keepLocally: true });
    assert.deepEqual([verdict, replaces], ["replace", ["name"]]);
  });
  it("4: keepLocally keeps the image when the resource goes; without it the name goes", async () => {
    const kept = await plugin.create("RemoteImage", { name, keepLocally: true });
    await plugin.remove("RemoteImage", kept);
    await docker("image", "inspect", name);
    await plugin.remove("RemoteImage", await plugin.create("RemoteImage", { name }));
    await assert.rejects(docker("image", "inspect", name));
  });
  it("4: an image that is gone is gone from the state", async () => {
    await docker("tag", IMAGE, name);
    const made = await plugin.create("RemoteImage", { name, keepLocally: true });
    await docker("image", "rm", name);
    assert.equal(await plugin.read("RemoteImage", made), undefined);
  });
});
