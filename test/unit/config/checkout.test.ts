import assert from "node:assert/strict";
import { createCipheriv, pbkdf2Sync, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import {
  hasPublicPassphrase,
  neighboursOf,
  otherStacks,
  outputIn,
  projectKeys,
  PUBLIC_PASSPHRASE,
  stackFile,
  versionsIn,
} from "../../../config/checkout.ts";
import { Refusal } from "../../../config/problems.ts";

const ROOT = join(import.meta.dirname, "../../..");

/** As the CLI makes it. */
function saltOf(passphrase: string): string {
  const [salt, nonce] = [randomBytes(8), randomBytes(12)];
  const cipher = createCipheriv("aes-256-gcm", pbkdf2Sync(passphrase, salt, 1_000_000, 32, "sha256"), nonce);
  const text = Buffer.concat([cipher.update("pulumi"), cipher.final(), cipher.getAuthTag()]);
  return `v1:${salt.toString("base64")}:v1:${nonce.toString("base64")}:${text.toString("base64")}`;
}

describe("config/checkout", () => {
  let folder: string;
  const backend = process.env["PULUMI_BACKEND_URL"];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "berth-checkout-"));
    delete process.env["PULUMI_BACKEND_URL"];
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
    if (backend === undefined) delete process.env["PULUMI_BACKEND_URL"];
    else process.env["PULUMI_BACKEND_URL"] = backend;
  });
  const write = (stack: string, file: unknown) =>
    writeFileSync(join(folder, `Pulumi.${stack}.yaml`), typeof file === "string" ? file : stringify(file));
  const state = (stack: string, resources: readonly unknown[]) => {
    mkdirSync(join(folder, ".state/.pulumi/stacks/berth"), { recursive: true });
    writeFileSync(
      join(folder, `.state/.pulumi/stacks/berth/${stack}.json`),
      JSON.stringify({ version: 3, checkpoint: { latest: { resources } } }),
    );
  };
  const container = (...ports: number[]) => ({
    type: "docker:index/container:Container",
    outputs: { ports: ports.map((external) => ({ external, internal: 1 })) },
  });

  it("tells the keys that Pulumi.yaml sets for all stacks, in full", () => {
    assert.deepEqual(projectKeys(folder), []);
    const config = {
      replicas: 2,
      "docker:host": { value: "ssh://there" },
      logLevel: { type: "string", default: "INFO" },
    };
    writeFileSync(join(folder, "Pulumi.yaml"), stringify({ name: "berth", config }));
    assert.deepEqual(projectKeys(folder), ["berth:replicas", "docker:host", "berth:logLevel"]);
    assert.deepEqual(projectKeys(ROOT), []);
  });

  it("tells who else may want ports, on which engine", () => {
    write("dev", { config: { "berth:ports": { edge: 8000 } } });
    write("stage", {
      config: { "berth:ports": { edge: 8001, loki: 3101 }, "berth:portOffset": 10, "berth:off": ["loki"] },
    });
    write("prod", {
      config: { "berth:system": "samplemind", "docker:host": "ssh://deploy@prod", "berth:ports": { edge: 80 } },
    });
    write("broken", "config: [");
    writeFileSync(join(folder, "Pulumi.yaml"), "name: berth\n");
    assert.deepEqual(otherStacks("dev", folder), [
      { stack: "prod", system: "samplemind", engine: "ssh://deploy@prod", runs: false, ports: new Set([80]) },
      { stack: "stage", system: undefined, engine: undefined, runs: false, ports: new Set([8011]) },
    ]);
  });
  it("reads what the CLI wrote as text: a list, an object, and numbers inside of one", () => {
    const config = { "berth:ports": '{"edge":8001,"loki":3101}', "berth:portOffset": "10", "berth:off": '["loki"]' };
    write("stage", { config });
    assert.deepEqual([...otherStacks("dev", folder)[0]!.ports], [8011]);
    assert.deepEqual(versionsIn({ config: { "berth:secretVersions": { backupKey: "2" } } }), { backupKey: 2 });
    assert.deepEqual(versionsIn({ config: { "berth:secretVersions": '{"backupKey":2}' } }), { backupKey: 2 });
    assert.deepEqual(versionsIn({}), {});
  });

  it("has an output of the last complete up from the state, and none where there is no such output or state", () => {
    state("dev", [container(8000), { type: "pulumi:pulumi:Stack", outputs: { images: { api: "sha256:1" } } }]);
    assert.deepEqual(outputIn("dev", "images", folder), { api: "sha256:1" });
    assert.equal(outputIn("dev", "urls", folder), undefined);
    assert.equal(outputIn("prod", "images", folder), undefined);
    process.env["PULUMI_BACKEND_URL"] = "";
    assert.deepEqual(outputIn("dev", "images", folder), { api: "sha256:1" });
    process.env["PULUMI_BACKEND_URL"] = "s3://states";
    assert.equal(outputIn("dev", "images", folder), undefined);
  });
  it("takes what a stack that runs has for what its file asks for now", () => {
    write("stage", { config: { "berth:ports": { edge: 8001 } } });
    state("stage", [
      { type: "pulumi:pulumi:Stack" },
      container(9001),
      container(),
      { type: "docker:index/container:Container" },
    ]);
    assert.deepEqual(otherStacks("dev", folder), [
      { stack: "stage", system: undefined, engine: undefined, runs: true, ports: new Set([9001]) },
    ]);
  });
  it("takes a stack without containers, or on a backend that is none of files, for one that nobody runs", () => {
    write("stage", { config: { "berth:ports": { edge: 8001 } } });
    state("stage", [{ type: "pulumi:pulumi:Stack" }]);
    assert.equal(otherStacks("dev", folder)[0]!.runs, false);
    state("stage", [container(8001)]);
    process.env["PULUMI_BACKEND_URL"] = "s3://states";
    assert.equal(otherStacks("dev", folder)[0]!.runs, false);
  });

  it("takes for neighbours those on the same docker:host, and none where DOCKER_HOST names another machine", () => {
    write("stage", { config: { "berth:ports": { edge: 8001 } } });
    write("prod", { config: { "docker:host": "ssh://deploy@prod", "berth:ports": { edge: 80 } } });
    const names = (engine?: string) => neighboursOf("dev", engine, folder).map(({ stack }) => stack);
    const host = process.env["DOCKER_HOST"];
    try {
      for (const here of ["", "unix:///run/user/1000/docker.sock"]) {
        process.env["DOCKER_HOST"] = here;
        assert.deepEqual([names(), names("ssh://deploy@prod")], [["stage"], ["prod"]], here);
      }
      process.env["DOCKER_HOST"] = "ssh://deploy@other";
      assert.deepEqual([names(), names("ssh://deploy@prod")], [[], ["prod"]]);
    } finally {
      if (host === undefined) delete process.env["DOCKER_HOST"];
      else process.env["DOCKER_HOST"] = host;
    }
  });

  it("recognises the public passphrase by what the CLI keeps, and no other", async () => {
    write("stage", { encryptionsalt: saltOf(PUBLIC_PASSPHRASE) });
    write("prod", { encryptionsalt: saltOf("a passphrase of its own") });
    write("new", { config: {} });
    write("damaged", { encryptionsalt: "v1:abc:v1:def:ghi" });
    assert.equal(await hasPublicPassphrase("stage", folder), true);
    for (const stack of ["prod", "new", "damaged", "absent"])
      assert.equal(await hasPublicPassphrase(stack, folder), false, stack);
  });
  it("knows dev's own, which the CLI wrote", async () => {
    assert.equal(await hasPublicPassphrase("dev", ROOT), true);
    assert.match(
      readFileSync(join(ROOT, "bin/lib.sh"), "utf8"),
      new RegExp(`^DEV_PASSPHRASE=${PUBLIC_PASSPHRASE}$`, "m"),
    );
  });
  describe("a stack file", () => {
    const refused = (text: string): string => {
      write("dev", text);
      try {
        stackFile("dev", folder);
      } catch (error) {
        assert.ok(error instanceof Refusal);
        return error.message;
      }
      throw new Error(`${text} was taken`);
    };
    it("that is no YAML, or no map, is refused with the place, and not with a stack trace", () => {
      assert.match(refused("config:\n\tberth:environment: dev\n"), /Pulumi\.dev\.yaml is no stack file: .*line 2/s);
      assert.match(refused("config:\n  berth:ports: {edge: 1, edge: 2}\n"), /unique at line 2/);
      for (const text of ["hello", "- 1", "config: [1]", "config: x"]) assert.match(refused(text), /has to be a map/);
    });
    it("that is not there is refused", () => {
      assert.throws(() => stackFile("nope", folder), /Pulumi\.nope\.yaml cannot be read/);
    });
    it("may be empty, in part or all of it", () => {
      for (const text of ["", "config:\n", "# nothing\n", "encryptionsalt: v1:x\n"]) {
        write("dev", text);
        assert.deepEqual(stackFile("dev", folder).config, {});
      }
    });
  });
});
