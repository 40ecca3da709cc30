/** Releases that come back, or cannot; a docker client and a CLI of sh stand for the engine and for Pulumi. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse, stringify } from "yaml";

const PROGRAM = join(import.meta.dirname, "../../../bin/release.ts");

describe("bin/release.ts, what docker system prune took:", () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-releases-"));
  after(() => rmSync(folder, { recursive: true }));
  before(() => {
    for (const [number, images] of [
      [1, { api: "sha256:a1", edge: "sha256:e" }],
      [2, { api: "sha256:a2", edge: "sha256:e" }],
    ] as const) {
      mkdirSync(join(folder, `.state/releases/dev/${number}`), { recursive: true });
      const release = { number, time: "2026-11-27T10:00:00Z", user: "ann", commit: "c", images, changed: [] };
      writeFileSync(join(folder, `.state/releases/dev/${number}/release.json`), JSON.stringify(release));
    }
  });
  /** @param docker What the docker client does, in sh. */
  const said = (task: string, docker: string): string[] => {
    writeFileSync(join(folder, "docker"), `#!/bin/sh\n${docker}\n`, { mode: 0o755 });
    const env = { ...process.env, PATH: `${folder}:${process.env["PATH"]}` };
    return execFileSync(process.execPath, [PROGRAM, task, "dev"], { cwd: folder, env, encoding: "utf8" })
      .split("\n")
      .filter((line) => /cannot come back/.test(line));
  };

  it("is named before anybody needs it", () => {
    const pruned = 'case "$*" in *sha256:a1) exit 1;; esac';
    assert.deepEqual(said("lost", pruned), [
      "release 1 of stack dev cannot come back: the engine has no longer its image api",
    ]);
    assert.deepEqual(said("list", pruned), ["     lost     api: it cannot come back"]);
  });
  it("is nothing where all is there, or where no engine answers", () => {
    assert.deepEqual(said("lost", "exit 0"), []);
    assert.deepEqual(said("lost", "exit 1"), []);
  });
});

describe("bin/release.ts, what an up applied", () => {
  const [folder, tools] = ["checkout", "tools"].map((what) => mkdtempSync(join(tmpdir(), `berth-${what}-`))) as [
    string,
    string,
  ];
  after(() => [folder, tools].forEach((made) => rmSync(made, { recursive: true })));
  const place = (...more: string[]) => join(folder, ".state/releases/dev", ...more);
  before(() => {
    writeFileSync(join(tools, "docker"), "#!/bin/sh\n", { mode: 0o755 });
    writeFileSync(join(tools, "pulumi"), `#!/bin/sh\necho "{\\"api\\": \\"$IMAGE\\"}"\n`, { mode: 0o755 });
    writeFileSync(join(folder, "Pulumi.dev.yaml"), stringify({ config: { "berth:environment": "dev" } }));
    writeFileSync(join(folder, "source.txt"), "one");
  });
  /** An up that leaves this image of the api running. @returns whether its source was copied, and what changed */
  const up = (image: string) => {
    const env = { ...process.env, PATH: `${tools}:${process.env["PATH"]}`, IMAGE: image };
    const task = (name: string) => execFileSync(process.execPath, [PROGRAM, name, "dev"], { cwd: folder, env });
    task("take");
    const copied = existsSync(place("next"));
    task("keep");
    assert.ok(!existsSync(place("next")));
    const current = readFileSync(place("current"), "utf8").trim();
    const { changed } = JSON.parse(readFileSync(place(current, "release.json"), "utf8")) as { changed: string[] };
    return { copied, current, changed, source: readFileSync(place(current, "source/source.txt"), "utf8") };
  };

  it("is a release", () =>
    assert.deepEqual(up("sha256:a"), { copied: true, current: "1", changed: ["everything"], source: "one" }));
  it("is none, and is not copied, where it is the current one's", () =>
    assert.deepEqual(up("sha256:a"), { copied: false, current: "1", changed: ["everything"], source: "one" }));
  it("is a release with the same source, where an image is another", () =>
    assert.deepEqual(up("sha256:b"), { copied: false, current: "2", changed: ["image assistant"], source: "one" }));
  it("is a release where a file or a key of the stack file is another", () => {
    writeFileSync(join(folder, "source.txt"), "two");
    assert.deepEqual(up("sha256:b"), { copied: true, current: "3", changed: ["source.txt"], source: "two" });
    writeFileSync(
      join(folder, "Pulumi.dev.yaml"),
      stringify({ config: { "berth:environment": "dev", "berth:replicas": 2 } }),
    );
    assert.deepEqual(up("sha256:b"), { copied: true, current: "4", changed: ["berth:replicas"], source: "two" });
  });
  it("is none of what is too large to be a source, such as a dump that lies there", () => {
    writeFileSync(join(folder, "dump.sql"), "");
    truncateSync(join(folder, "dump.sql"), 3 * 1024 ** 3);
    assert.equal(up("sha256:b").copied, false);
    rmSync(join(folder, "dump.sql"));
  });
  it("is a release where a file is gone", () => {
    writeFileSync(join(folder, "more.txt"), "");
    assert.deepEqual(up("sha256:b").changed, ["more.txt"]);
    rmSync(join(folder, "more.txt"));
    assert.deepEqual(up("sha256:b").changed, ["more.txt"]);
    assert.ok(!existsSync(place("6/source/more.txt")));
  });
});

describe("bin/release.ts, a release that is to come back", () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-back-"));
  after(() => rmSync(folder, { recursive: true }));
  type Config = Record<string, unknown>;
  /**
   * @param then What its stack file says. @param now What that of today does.
   * @param protect Names of what the state holds and the CLI does not delete.
   */
  function prepared(then: Config, now: Config, protect: Readonly<Record<string, string>> = {}) {
    const place = join(folder, ".state/releases/dev/1");
    mkdirSync(join(place, "source"), { recursive: true });
    const file = (config: Config) => stringify({ config: { "berth:environment": "dev", ...config } });
    writeFileSync(join(place, "source/Pulumi.dev.yaml"), file(then));
    writeFileSync(join(folder, "Pulumi.dev.yaml"), file(now));
    writeFileSync(join(place, "release.json"), JSON.stringify({ number: 1, images: { api: "sha256:a" } }));
    const resources = Object.entries(protect).map(([name, type]) => {
      const urn = `urn:pulumi:dev::berth::berth:platform:Platform$${type}::assistant-dev-${name}`;
      return { type, urn, protect: true };
    });
    const state = JSON.stringify({ deployment: { resources } });
    writeFileSync(join(folder, "docker"), "#!/bin/sh\n", { mode: 0o755 });
    writeFileSync(join(folder, "pulumi"), `#!/bin/sh\necho '${state}'\n`, { mode: 0o755 });
    const env = { ...process.env, PATH: `${folder}:${process.env["PATH"]}` };
    const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, "prepare", "dev", "1"], {
      cwd: folder,
      env,
      encoding: "utf8",
    });
    const config = (): Config =>
      (parse(readFileSync(join(place, "existing.yaml"), "utf8")) as { config: Config }).config;
    return { status, stdout, stderr, config };
  }
  const VOLUME = "docker:index/volume:Volume";
  const KEY = "random:index/randomPassword:RandomPassword";

  it("runs its images, with the keys of today that data needs", () => {
    const rotated = { "berth:secretVersions": { mfaEncryptionKey: 2 } };
    const keys = { "mfaEncryptionKey-v1": KEY, "mfaEncryptionKey-v2": KEY, "postgres-data": VOLUME };
    const { status, stdout, stderr, config } = prepared({ "berth:replicas": 2 }, rotated, keys);
    assert.deepEqual([status, stdout], [0, "1\n"], stderr);
    assert.match(stderr, /stays as it is today: berth:secretVersions\.mfaEncryptionKey/);
    const { "berth:replicas": replicas, "berth:images": images, "berth:secretVersions": versions } = config();
    assert.deepEqual([replicas, images, versions], [2, { api: "sha256:a" }, { mfaEncryptionKey: 2 }]);
  });
  it("is refused, before anything is touched, where data would leave the state", () => {
    const { status, stderr } = prepared({ "berth:logs": "victorialogs" }, {}, { "loki-data": VOLUME });
    assert.equal(status, 1);
    assert.match(
      stderr,
      /release 1 cannot come back\. Nothing was touched\.\n\n {2}assistant-dev-loki-data: it holds data/,
    );
    assert.ok(!stderr.includes("    at "), stderr);
  });
  it("is no business of today's program, where that refuses the stack file of then", () => {
    const { status, stdout, stderr } = prepared({ "berth:colour": "blue" }, {});
    assert.deepEqual([status, stdout], [0, "1\n"], stderr);
  });
});
