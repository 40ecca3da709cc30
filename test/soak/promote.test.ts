/**
 * Built once, promoted by digest: a registry on the loopback interface, one stack that builds and one that runs what
 * the first ran (docs/promises.md 12).
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { parse, stringify } from "yaml";
import { TOOLS } from "../stack/engine.ts";
import { command, docker, good, unchanged } from "../stack/command.ts";
import { Project } from "../stack/project.ts";

const [STACK, TARGET] = ["e2e-promote", "e2e-promoted"];
const HOST = process.env["BERTH_BENCH_REGISTRY"] ?? "127.0.0.1:5005";
/** A path of its own, so that no other run's images are met. */
const REGISTRY = `${HOST}/berth-e2e-${randomUUID().slice(0, 8)}`;
const IMAGES = ["assistant", "edge"] as const;
const NOBODYS = `sha256:${"0".repeat(64)}`;

type Images = Readonly<Record<string, string>>;

describe("promotion: what ran in one stack is what runs in the next", function () {
  this.timeout(1_800_000);
  const project = new Project({
    stack: STACK,
    portOffset: 14500,
    // As in stage and prod. The registry speaks plain HTTP and wants nobody's name.
    config: {
      "berth:sourceMounts": false,
      "berth:imageTarget": "runtime",
      "berth:debug": false,
      "berth:logLevel": "INFO",
      "berth:settle": 0,
      "berth:registry": REGISTRY,
      "docker:registryAuth": [{ address: `http://${HOST}`, authDisabled: true }],
    },
  });
  const targetFile = `Pulumi.${TARGET}.yaml`;
  const AUTHOR = ["-c", "user.name=e2e", "-c", "user.email=e2e@example.org", "-c", "commit.gpgsign=false"];
  const git = (...args: string[]) => good(command("git", [...AUTHOR, ...args], { cwd: project.dir }));
  let system = "";
  /** What a repository of the registry has under a tag or digest. */
  const digestAt = async (image: string, tag: string, method = "HEAD"): Promise<string | null> =>
    (
      await fetch(`http://${REGISTRY.replace("/", "/v2/")}/${system}-${image}/manifests/${tag}`, {
        method,
        headers: {
          accept: "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json",
        },
      })
    ).headers.get("docker-content-digest");
  const tagOf = async (image: string): Promise<string> => {
    const found = (await project.state()).resources.find(({ urn }) =>
      urn.endsWith(`docker:index/image:Image::${system}-${STACK}-${image}`),
    );
    return (found!.outputs as { imageName: string }).imageName;
  };
  const running = async (stack: string): Promise<Images> => {
    const { output } = await project.pulumi("stack", "output", "images", "--json", "--stack", stack);
    return JSON.parse(output.slice(output.indexOf("{"), output.lastIndexOf("}") + 1)) as Images;
  };
  /** Takes this run's names off the engine's images. */
  const forget = async (): Promise<void> => {
    const names = (
      await docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "--filter", `reference=${REGISTRY}/*:*`)
    )
      .split("\n")
      .filter((name) => name && !name.endsWith("<none>"));
    if (names.length) await docker("image", "rm", ...names);
  };
  let ran: Images;
  /** What the other stack pulls, once it was promoted to. */
  let pulled: Images;

  before(async () => {
    await project.create();
    system = project.plan().system;
    const config = stringify({ config: { ...project.config, "berth:portOffset": 15500 } });
    project.write(targetFile, `# What runs what was tried.\n${config}  # The end.\n`);
    await git("init");
    await git("add", "--all");
    await git("commit", "--quiet", "-m", "the first");
    await good(project.pulumi("stack", "select", TARGET, "--create"));
  });
  after(async () => {
    await project.script("down", TARGET, "--data", "--yes");
    await project.remove();
    await forget();
    for (const image of IMAGES)
      if (ran?.[image === "edge" ? "edge" : "api"])
        await digestAt(image, ran[image === "edge" ? "edge" : "api"]!.split("@")[1]!, "DELETE");
  });

  it("an up pushes its images, named by version and commit, and runs their digests", async () => {
    await good(project.script("up", STACK));
    ran = await running(STACK);
    for (const [service, image] of [
      ["api", "assistant"],
      ["edge", "edge"],
    ] as const) {
      const digest = await digestAt(image, (await tagOf(image)).split(":").at(-1)!);
      assert.equal(ran[service], `${REGISTRY}/${system}-${image}@${digest}`);
      assert.match(await tagOf(image), /:\d+\.\d+\.\d+-[0-9a-f]{12}$/);
    }
    const [container] = await project.running("api");
    assert.equal(await docker("inspect", "--format", "{{.Config.Image}}", container!), ran["api"]);
  });

  it("a second up changes nothing, nor does one after a commit that touched no image", async () => {
    const ids = await project.containers();
    const tag = await tagOf("edge");
    project.edit("README.md", (text) => `${text}\nchanged\n`);
    await git("commit", "--quiet", "--all", "-m", "another file");
    for (const again of [() => project.up(), () => project.refresh(), () => project.up()]) await unchanged(again());
    assert.equal(await tagOf("edge"), tag);
    assert.deepEqual(await project.containers(), ids);
  });

  it("a moved tag changes nothing", async () => {
    const [ids, tag] = [await project.containers(), await tagOf("edge")];
    await docker("tag", TOOLS, tag);
    await docker("push", "--quiet", tag);
    assert.notEqual(await digestAt("edge", tag.split(":").at(-1)!), ran["edge"]!.split("@")[1], "the tag did not move");
    await good(project.script("drift", STACK));
    await unchanged(project.up());
    assert.deepEqual(await project.containers(), ids);
    assert.deepEqual(await running(STACK), ran);
  });

  it("bin/promote writes the digests that ran into the other stack's file, those of what is pulled too, and nothing else", async () => {
    const before = project.read(targetFile);
    await good(project.script("promote", STACK, TARGET));
    const after = project.read(targetFile);
    const { config } = parse(after) as { config: Readonly<Record<string, Images>> };
    assert.deepEqual(config["berth:images"], { assistant: ran["api"], edge: ran["edge"] });
    pulled = config["berth:baseImages"] ?? {};
    for (const name of ["postgres", "redis", "prometheus"]) {
      const [reference, digest] = pulled[name]!.split("@");
      assert.match(digest!, /^sha256:[0-9a-f]{64}$/, name);
      assert.match(await docker("image", "inspect", "--format", "{{.RepoDigests}}", reference!), new RegExp(digest!));
    }
    assert.ok(
      before.split("\n").every((line) => after.split("\n").includes(line)),
      after,
    );
    await good(project.script("promote", STACK, TARGET));
    assert.equal(project.read(targetFile), after);
  });

  it("the other way round it is refused: nothing ran there", async () => {
    const { code, output } = await project.script("promote", TARGET, STACK);
    assert.equal(code, 1);
    assert.match(
      output,
      /cannot be promoted to e2e-promote\. Nothing was written\.[\s\S]*never ran assistant, edge[\s\S]*bin\/up e2e-promoted/,
    );
  });

  it("a digest that nobody has is refused at the preview, with the key", async () => {
    const well = project.read(targetFile);
    project.write(targetFile, well.replace(ran["edge"]!.split("@")[1]!, NOBODYS));
    const objects = await project.objects();
    for (const { code, output } of [
      await project.pulumi("preview", "--stack", TARGET),
      await project.pulumi("up", "--yes", "--skip-preview", "--stack", TARGET),
    ]) {
      assert.notEqual(code, 0, output);
      assert.match(
        output,
        /berth:images\.edge: \S+@sha256:0{64}, which the engine does not have and its registry does not show: .*404/,
      );
      assert.match(output, /Nothing was touched/);
      assert.doesNotMatch(output, /\bat .*\.ts:\d+/);
    }
    const report = await project.script("preview", TARGET);
    assert.equal(report.code, 1);
    assert.match(report.output, /> \[!CAUTION\][\s\S]*berth:images\.edge/);
    project.write(targetFile, well);
    assert.deepEqual(await project.objects(), objects);
  });

  it("the other stack runs what ran, from the registry alone", async () => {
    const built = project.plan().services.filter(({ image }) => "build" in image);
    await good(project.script("down", STACK, "--data", "--yes"));
    await forget();
    for (const image of [ran["api"]!, ran["edge"]!])
      await assert.rejects(docker("image", "inspect", image), "the engine still has it");
    await good(project.script("up", TARGET));
    const images = await running(TARGET);
    assert.ok(built.length > IMAGES.length, `${built.length} services run an image of this checkout`);
    for (const { name } of built) {
      assert.ok(ran[name], name);
      assert.equal(images[name], ran[name], name);
    }
    for (const name of ["postgres", "redis", "prometheus"]) assert.equal(images[name], pulled[name], name);
    await unchanged(project.pulumi("up", "--yes", "--skip-preview", "--stack", TARGET));
  });
});
