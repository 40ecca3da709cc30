import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { filesOfTar } from "../../../bin/archive.ts";
import { ahead, type ContainerFound, differences, type Engine, unexpected } from "../../../bin/compare.ts";
import type { Resource } from "../../../bin/deployment.ts";

const URN = "urn:pulumi:dev::berth::berth:platform:Platform$docker:index/container:Container::api-1";
const DIGEST = `registry.example.org/team/assistant-assistant@sha256:${"1".repeat(64)}`;
const NOTHING: Engine = {
  containers: [],
  networks: [],
  volumes: [],
  images: new Map(),
  files: new Map(),
  brought: new Map(),
};
/** A container as nobody changed it. */
const CONTAINER: ContainerFound = {
  Id: "1",
  Name: "/c",
  Image: "sha256:any",
  State: { Status: "running", ExitCode: 0 },
  HostConfig: { RestartPolicy: { Name: "no" } },
  NetworkSettings: { Networks: { bridge: { Aliases: [] } } },
};

describe("bin/compare", () => {
  it("tells in one line what the program of a checkout would bring beyond what runs", () => {
    const steps = [
      { op: "replace", urn: URN, replaceReasons: ["image"], diffReasons: ["image", "envs"] },
      { op: "update", urn: URN.replace("api-1", "api-2"), diffReasons: ["memory"] },
      { op: "replace", urn: URN.replace("api-1", "old") },
      { op: "same", urn: URN.replace("api-1", "still") },
      { op: "delete-replaced", urn: URN },
      { op: "update", urn: URN.replace("docker:index/container:Container", "berth:workload:Workload") },
    ];
    assert.match(ahead("dev", steps)!, /^this checkout is not what stack dev runs \(1 to update, 2 to replace\): /);
    assert.equal(ahead("dev", steps.slice(3)), undefined);
  });

  it("tells a limit of memory that is set back from one that makes another container", () => {
    const found = (more: object): string[] => {
      const inputs = { name: "c", image: DIGEST, memory: 64, memorySwap: 64, ...more };
      const container = {
        ...CONTAINER,
        HostConfig: { ...CONTAINER.HostConfig, Memory: 32 * 1024 ** 2, MemorySwap: 64 * 1024 ** 2 },
      };
      const resource = { urn: URN, type: "docker:index/container:Container", id: "1", inputs };
      return differences({ resources: [resource] }, { ...NOTHING, containers: [container] }).map(({ up }) => up);
    };
    assert.deepEqual(found({}), ["sets it back"]);
    assert.deepEqual(found({ __defaults: ["name"] }), ["replaces it"]);
  });

  it("does not count limits that the kernel does not count", () => {
    const container = { ...CONTAINER, HostConfig: { ...CONTAINER.HostConfig, Memory: 64 * 1024 ** 2, MemorySwap: -1 } };
    const inputs = { name: "c", image: DIGEST, memory: 64, memorySwap: 64 };
    const state = { resources: [{ urn: URN, type: "docker:index/container:Container", id: "1", inputs }] };
    const engine = { ...NOTHING, containers: [container] };
    assert.deepEqual(
      differences(state, engine).map((finding) => finding.what),
      ["memory and swap limit in MiB is 0, declared 64"],
    );
    assert.deepEqual(differences(state, { ...engine, uncounted: ["memorySwap"] }), []);
  });

  it("tells of all that docker system prune took in one line", () => {
    const carrier = (name: string): Resource => ({
      urn: URN.replace("api-1", name),
      type: "docker:index/container:Container",
      id: name,
      inputs: { name, start: false, uploads: [] },
    });
    const resources = ["a-files-seed", "b-files-seed", "c-files-seed"].map(carrier);
    const found = differences({ resources }, NOTHING);
    assert.deepEqual(
      found.map(({ object, what, up, replace }) => [`${object}: ${what}; bin/up ${up}`, replace]),
      [
        [
          "containers that carried files: 3 are gone, as after docker system prune; bin/up makes them anew; what reads the files runs on",
          undefined,
        ],
      ],
    );
    assert.equal(differences({ resources: [carrier("a-files-seed")] }, NOTHING)[0]!.what, "is gone");
  });

  it("leaves what is single its image where another one took the tag: a release alone tries the next one", () => {
    const found = (more: object) => {
      const inputs = { name: "c", image: "redis:8.0", ...more };
      const container = { ...CONTAINER, Image: "sha256:old" };
      const resource = { urn: URN, type: "docker:index/container:Container", id: "1", inputs };
      const images = new Map([["redis:8.0", "sha256:new"]]);
      return differences({ resources: [resource] }, { ...NOTHING, images, containers: [container] });
    };
    const [single, ...others] = found({});
    assert.deepEqual([single!.engine, single!.replace, others], [["tag", "sha256:old", "redis:8.0"], undefined, []]);
    assert.match(single!.what, /redis:8\.0 is now sha256:new, which berth:baseImages takes by its digest/);
    assert.equal(found({ __defaults: ["name"] })[0]!.replace, URN);
  });

  it("looks for no tag where the image is a digest", () => {
    const inputs = { name: "api-1", image: DIGEST };
    const resource: Resource = { urn: URN, type: "docker:index/container:Container", id: "1", inputs };
    const container = { ...CONTAINER, Name: "/api-1" };
    const engine: Engine = { ...NOTHING, containers: [container] };
    assert.deepEqual(differences({ resources: [resource] }, engine), []);
    const tagged = differences({ resources: [{ ...resource, inputs: { ...inputs, image: "redis:8.0" } }] }, engine);
    assert.match(tagged[0]!.what, /nothing is called redis:8\.0 any more/);
  });

  describe("what is on a volume of files", () => {
    const FOLDER = "/etc/berth";
    const scratch = mkdtempSync(join(tmpdir(), "berth-tar-"));
    after(() => rmSync(scratch, { recursive: true }));
    /** @param files Path → content, or `→ target` of a link. */
    const tar = (root: string, files: Readonly<Record<string, string>>): Buffer => {
      const dir = mkdtempSync(join(scratch, "x"));
      mkdirSync(join(dir, root), { recursive: true });
      for (const [path, text] of Object.entries(files)) {
        const file = join(dir, root, path);
        mkdirSync(dirname(file), { recursive: true });
        if (text.startsWith("→ ")) symlinkSync(text.slice(2), file);
        else writeFileSync(file, text, { mode: 0o440 });
      }
      const options = ["--format=ustar", "--owner=0", "--group=0", "--numeric-owner", "--mode=0440"];
      return execFileSync("tar", [...options, "-C", dir, "-cf", "-", root.split("/")[0]!]);
    };
    const OURS = { "loki.yml": "a: 1\n", "secrets/key": "0123" };
    const seed: Resource = {
      urn: URN.replace("api-1", "loki-files-seed"),
      type: "docker:index/container:Container",
      id: "1",
      inputs: {
        start: false,
        volumes: [{ volumeName: "loki-files", containerPath: FOLDER }],
        uploads: Object.entries(OURS).map(([file, text]) => ({
          file: `${FOLDER}/${file}`,
          content: text,
          permissions: "0440",
        })),
      },
    };
    const container = { ...CONTAINER, Name: `/${URN}`, State: { Status: "created", ExitCode: 0 } };
    const said = (volume: Readonly<Record<string, string>>, image: Readonly<Record<string, string>> = {}) => {
      const found = filesOfTar(tar("berth", volume), "berth", FOLDER);
      const brought = filesOfTar(tar("etc/berth", image), "etc/berth", FOLDER);
      const engine = { ...NOTHING, containers: [container], files: new Map([["1", found]]) };
      return differences({ resources: [seed] }, { ...engine, brought: new Map([["1", brought]]) })
        .filter(({ object }) => object.startsWith("volume"))
        .map(({ what }) => what);
    };

    it("is what was carried there", () => {
      assert.deepEqual(said(OURS), []);
      assert.deepEqual(said({ ...OURS, "secrets/key": "4567" }), ["file /etc/berth/secrets/key was changed"]);
      assert.deepEqual(said({ "loki.yml": OURS["loki.yml"] }), ["file /etc/berth/secrets/key is missing"]);
      assert.deepEqual(said({ ...OURS, more: "x" }), ["file /etc/berth/more was added"]);
    });

    it("is the image's where the image has the same at that place, a link or a file; not where it differs", () => {
      const image = { "local-config.yaml": "b: 2\n", consoles: "→ /usr/share/prometheus/consoles" };
      assert.deepEqual(said({ ...OURS, ...image }, image), []);
      assert.deepEqual(said({ ...OURS, ...image, consoles: "→ /tmp" }, image), ["file /etc/berth/consoles was added"]);
      assert.deepEqual(said({ ...OURS, ...image, "local-config.yaml": "c" }, image), [
        "file /etc/berth/local-config.yaml was added",
      ]);
      const found = filesOfTar(tar("berth", { ...OURS, ...image }), "berth", FOLDER);
      assert.deepEqual(
        unexpected(seed, found)
          .map(({ path }) => path)
          .sort(),
        Object.keys(image)
          .map((path) => `${FOLDER}/${path}`)
          .sort(),
      );
    });
  });
});
