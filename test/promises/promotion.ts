/**
 * Built once, promoted by digest: a registry on the loopback interface, one stack that builds and one that runs what
 * the first ran (docs/promises.md 12).
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { parse, stringify } from "yaml";
import { builtImages } from "../../bin/stack.ts";
import { imageHere } from "../../config/here.ts";
import { systems } from "../../systems/index.ts";
import { command, docker, good, unchanged } from "../stack/command.ts";
import { hold } from "../stack/hold.ts";
import { Project } from "../stack/project.ts";
import type { Driver } from "../systems/driver.ts";

const HOST = process.env["BERTH_BENCH_REGISTRY"] ?? "127.0.0.1:5005";
const NOBODYS = `sha256:${"0".repeat(64)}`;
const AUTHOR = ["-c", "user.name=e2e", "-c", "user.email=e2e@example.org", "-c", "commit.gpgsign=false"];
const MANIFESTS = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json";

type References = Readonly<Record<string, string>>;

/** A stack that builds, a stack file beside it for what runs the same, and the registry between them. */
export class Promotion {
  /** A path of its own, so that no other run's images are met. */
  readonly registry = `${HOST}/berth-e2e-${randomUUID().slice(0, 8)}`;
  readonly project: Project;
  readonly system: string;
  readonly target: string;
  readonly file: string;
  readonly #offset: number;
  /** Image of this checkout → what the first stack ran, once it did. */
  ran: References = {};

  /** @param stack The first one, `promote` in its name. @param portOffset Of it; the other's is 1000 more. */
  constructor({ system, from }: Pick<Driver, "system" | "from">, stack: string, portOffset: number) {
    this.system = system;
    this.target = stack.replace("promote", "promoted");
    this.file = `Pulumi.${this.target}.yaml`;
    this.#offset = portOffset + 1000;
    this.project = new Project({
      stack,
      from,
      portOffset,
      // As in stage and prod. The registry speaks plain HTTP and wants nobody's name.
      config: {
        "berth:sourceMounts": false,
        "berth:imageTarget": "runtime",
        "berth:debug": false,
        "berth:logLevel": "INFO",
        "berth:settle": 0,
        "berth:backup": undefined,
        "berth:registry": this.registry,
        "docker:registryAuth": [{ address: `http://${HOST}`, authDisabled: true }],
      },
    });
  }

  async open(): Promise<void> {
    const { project } = this;
    await hold(this.target);
    await project.create();
    const config = stringify({ config: { ...project.config, "berth:portOffset": this.#offset } });
    project.write(this.file, `# What runs what was tried.\n${config}  # The end.\n`);
    await this.git("init");
    await this.git("add", "--all");
    await this.git("commit", "--quiet", "-m", "the first");
    await good(project.pulumi("stack", "select", this.target, "--create"));
  }
  async close(): Promise<void> {
    await this.project.script("down", this.target, "--data", "--yes");
    await this.project.remove();
    await this.forget();
    for (const [image, reference] of Object.entries(this.ran))
      await this.digestAt(image, reference.split("@")[1]!, "DELETE");
  }
  git(...args: string[]): Promise<unknown> {
    return good(command("git", [...AUTHOR, ...args], { cwd: this.project.dir }));
  }

  /** What a repository of the registry has under a tag or digest. */
  async digestAt(image: string, tag: string, method = "HEAD"): Promise<string | null> {
    const url = `http://${this.registry.replace("/", "/v2/")}/${this.system}-${image}/manifests/${tag}`;
    return (await fetch(url, { method, headers: { accept: MANIFESTS } })).headers.get("docker-content-digest");
  }
  /** The name that an image was pushed by. */
  async tagOf(image: string): Promise<string> {
    const { resources } = await this.project.state();
    const name = `${this.system}-${this.project.stack}-${image}`;
    const found = resources.find(({ urn }) => urn.endsWith(`docker:index/image:Image::${name}`));
    return (found!.outputs as { imageName: string }).imageName;
  }
  /** Service → what it runs. */
  async running(stack: string): Promise<References> {
    const { output } = await this.project.pulumi("stack", "output", "images", "--json", "--stack", stack);
    return JSON.parse(output.slice(output.indexOf("{"), output.lastIndexOf("}") + 1)) as References;
  }
  /** Takes this run's names off the engine's images. */
  async forget(): Promise<void> {
    const filter = `reference=${this.registry}/*:*`;
    const all = await docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", "--filter", filter);
    const names = all.split("\n").filter((name) => name && !name.endsWith("<none>"));
    if (names.length) await docker("image", "rm", ...names);
  }
  /** Reference → its name in `berth:baseImages`, of what a service pulls. */
  get pulled(): ReadonlyMap<string, string> {
    const used = new Set(this.project.plan().services.flatMap(({ image }) => ("pull" in image ? [image.pull] : [])));
    const names = Object.entries(systems[this.system as keyof typeof systems].images);
    return new Map(
      names.map(([name, image]) => [imageHere(image), name] as const).filter(([image]) => used.has(image)),
    );
  }
  /** The other stack's references, by the key of its file. */
  promoted(key: "berth:images" | "berth:baseImages"): References {
    const { config } = parse(this.project.read(this.file)) as { config: Readonly<Record<string, References>> };
    return config[key] ?? {};
  }
}

export function pushes(promotion: Promotion): void {
  it("an up pushes its images, named by version and commit, and runs their digests", async () => {
    const { project, registry, system } = promotion;
    await good(project.script("up", project.stack));
    const running = await promotion.running(project.stack);
    promotion.ran = builtImages(project.plan(), running) as References;
    const images = Object.entries(promotion.ran);
    console.log(`      ${images.map(([image]) => image).join(", ")}`);
    for (const [image, reference] of images) {
      const tag = await promotion.tagOf(image);
      assert.match(tag, /:\d+\.\d+\.\d+-[0-9a-f]{12}$/);
      const digest = await promotion.digestAt(image, tag.split(":").at(-1)!);
      assert.equal(reference, `${registry}/${system}-${image}@${digest}`);
    }
    for (const { name, image } of project.plan().services)
      if ("build" in image) {
        assert.equal(running[name], promotion.ran[image.build], name);
        for (const container of await project.running(name))
          assert.equal(await docker("inspect", "--format", "{{.Config.Image}}", container), running[name], container);
      }
  });
}

export function promotes(promotion: Promotion): void {
  it("bin/promote writes the digests that ran into the other stack's file, those of what is pulled too, and nothing else", async () => {
    const { project, file, target } = promotion;
    const before = project.read(file);
    await good(project.script("promote", project.stack, target));
    const after = project.read(file);
    assert.deepEqual(promotion.promoted("berth:images"), promotion.ran);
    const pulled = promotion.promoted("berth:baseImages");
    assert.ok(promotion.pulled.size > 1, "some are pulled");
    for (const [image, name] of promotion.pulled) {
      assert.ok(pulled[name], `${name} is not carried`);
      const [reference, digest] = pulled[name].split("@");
      assert.equal(reference, image);
      assert.match(digest!, /^sha256:[0-9a-f]{64}$/, name);
      assert.match(await docker("image", "inspect", "--format", "{{.RepoDigests}}", image), new RegExp(digest!));
    }
    const lines = after.split("\n");
    assert.ok(
      before.split("\n").every((line) => lines.includes(line)),
      after,
    );
    await good(project.script("promote", project.stack, target));
    assert.equal(project.read(file), after);
  });
}

/** The negative control. @param ways Commands that must refuse, besides the preview. @default none */
export function refuses(promotion: Promotion, ways: readonly (readonly string[])[] = []): void {
  it("a digest that nobody has is refused at the preview, with the key", async () => {
    const { project, file, target, ran } = promotion;
    const well = project.read(file);
    project.write(file, well.replaceAll(ran["edge"]!.split("@")[1]!, NOBODYS));
    const objects = await project.objects();
    for (const words of [["preview"], ...ways]) {
      const { code, output } = await project.pulumi(...words, "--stack", target);
      assert.notEqual(code, 0, output);
      assert.match(
        output,
        /berth:images\.edge: \S+@sha256:0{64}, which the engine does not have and its registry does not show: .*404/,
      );
      assert.match(output, /Nothing was touched/);
      assert.doesNotMatch(output, /\bat .*\.ts:\d+/);
    }
    const report = await project.script("preview", target);
    assert.equal(report.code, 1);
    assert.match(report.output, /> \[!CAUTION\][\s\S]*berth:images\.edge/);
    project.write(file, well);
    assert.deepEqual(await project.objects(), objects);
  });
}

export function runs(promotion: Promotion): void {
  it("the other stack runs what ran, from the registry alone", async () => {
    const { project, ran, target } = promotion;
    const { services } = project.plan();
    const pinned = promotion.promoted("berth:baseImages");
    const pulled = Object.fromEntries([...promotion.pulled].map(([image, name]) => [image, pinned[name]!]));
    const expected: References = { ...ran, ...pulled };
    await good(project.script("down", project.stack, "--data", "--yes"));
    await promotion.forget();
    for (const image of Object.values(ran))
      await assert.rejects(docker("image", "inspect", image), "the engine still has it");
    await good(project.script("up", target));
    const images = await promotion.running(target);
    for (const { name, image } of services)
      assert.equal(images[name], expected["build" in image ? image.build : image.pull], name);
    await unchanged(project.pulumi("up", "--yes", "--skip-preview", "--stack", target));
  });
}
