/** What the images are made of: built as a stack would, read out of containers that never start. */
import assert from "node:assert/strict";
import { appendFileSync, cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { planOf } from "../../bin/stack.ts";
import { provenanceOf } from "../../components/provenance.ts";
import type { ImageSpec } from "../../plan/types.ts";
import { buildImage } from "../../scan/build.ts";
import { type Contents, contentsOf } from "../../scan/export.ts";
import { command, docker, good, ROOT } from "../stack/command.ts";
import { samplemind } from "../systems/samplemind/driver.ts";

const PLAN = planOf("dev", [], ROOT);
const MB = 1e6;
/** MB in all, and above the base image: PA-67 has 2 GB. */
const CEILINGS = { assistant: { whole: 500, own: 150 }, edge: { whole: 250, own: 1 } } as const;
/** Seconds that a build of SampleMind's images may take, the base images being there (SM-75). */
const SECONDS = { "with nothing kept": 480, again: 30, "with another line of code": 30 } as const;
const USERS = { assistant: "10001:0", edge: "101:0" } as const;
const PREFIX = "org.opencontainers.image.";
const BASES = { assistant: "PYTHON_IMAGE", edge: "NGINX_IMAGE" } as const;
const NAMES = ["assistant", "edge"] as const;
type Name = (typeof NAMES)[number];

interface Inspected {
  readonly Size: number;
  readonly RootFS: { readonly Layers: readonly string[] };
  readonly Config: { readonly User: string; readonly Labels: Record<string, string>; readonly Env: readonly string[] };
}
const inspect = async (image: string): Promise<Inspected> =>
  (JSON.parse(await docker("image", "inspect", image)) as Inspected[])[0]!;
/** What the Dockerfile copies in; the documentation of packages has secrets of nobody as examples. */
const isOurs = (path: string): boolean => /^(app|usr\/local\/(bin|share\/edge))\//.test(path);

/** Never there, whatever the image. */
const NEVER = {
  "a compiler": /^(usr\/)?(local\/)?bin\/([\w-]+-)?(gcc|cc|g\+\+|c\+\+|cpp|clang|ld|as|make)(-\d+)?$/,
  "a cache of pip or npm": /(^|\/)(\.cache\/pip|\.npm\/_cacache)\//,
  "lists or packages of apt":
    /^var\/(lib\/apt\/lists\/(?!lock$|partial$|auxfiles$)|cache\/apt\/(?!archives\/(lock|partial)$|archives$))./,
  "the context's own housekeeping": /(^|\/)(\.git|\.dockerignore|Dockerfile)$/,
  "a file for secrets":
    /(^|\/)(\.(env|netrc|npmrc|pypirc|git-credentials)|id_(rsa|ecdsa|ed25519)|[^/]+\.(key|p12|pfx)|\.docker\/config\.json)$|^etc\/berth\//,
} as const;
/** Tests of what we install, and of our own; those of the interpreter are the base image's. */
const TESTS =
  /^app\/tests(\/|$)|^(app|opt\/venv)\/.*\/(tests?|sqlalchemy\/testing)\/.*\.py$|^opt\/venv\/.*\/(pytest|debugpy|watchfiles)\//;
const SECRET_NAME = /(secret|password|passwd|token|credential|api_?key|private_?key)[^=]*$/i;
const SECRET_TEXT =
  /-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b|:\/\/[^\s/:@"'{}<>$%]+:[^\s/:@"'{}<>$%*]+@/;

describe("images", function () {
  this.timeout(1_200_000);
  const [built, tags, contents] = [new Map<string, Inspected>(), [] as string[], new Map<string, Contents>()];
  let folder = "";

  async function build(as: string, { context, ...rest }: ImageSpec): Promise<Inspected> {
    const tag = `localhost/berth/e2e-images:${as}`;
    tags.push(tag);
    await buildImage({ ...rest, context: join(ROOT, context), platform: PLAN.platform, tag });
    built.set(as, await inspect(tag));
    return built.get(as)!;
  }
  const spec = (name: Name, change: Partial<ImageSpec> = {}): ImageSpec => {
    const image = PLAN.images[name]!;
    return { ...image, target: "runtime", args: { ...image.args, ...provenanceOf(image) }, ...change };
  };
  const base = (name: Name): string => PLAN.images[name]!.args[BASES[name]]!;
  const files = (as: string): string[] =>
    contents
      .get(as)!
      .entries.filter(({ kind }) => kind !== "Directory")
      .map(({ path }) => path);

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "berth-images-"));
    for (const name of NAMES) await build(name, spec(name));
    await build("development", spec("assistant", { target: "development" }));
    for (const as of [...NAMES, "development"])
      contents.set(as, await contentsOf(`localhost/berth/e2e-images:${as}`, isOurs));
  });
  after(async () => {
    if (folder) rmSync(folder, { recursive: true });
    // By tag: an image that a stack runs too keeps its own.
    if (tags.length) await docker("image", "rm", ...new Set(tags));
  });

  for (const name of NAMES)
    describe(name, () => {
      it("says what it is made of", () => {
        const { VERSION, REVISION, CREATED, SOURCE } = provenanceOf(PLAN.images[name]!);
        const labels = Object.entries(built.get(name)!.Config.Labels)
          .filter(([key]) => key.startsWith(PREFIX))
          .map(([key, value]): [string, string] => [key.slice(PREFIX.length), value]);
        assert.deepEqual(Object.fromEntries(labels), {
          title: `berth ${name}`,
          version: VERSION,
          revision: REVISION,
          created: CREATED,
          source: SOURCE,
        });
      });
      it("runs as nobody in particular, and its user can change nothing of the program", () => {
        assert.equal(built.get(name)!.Config.User, USERS[name]);
        const own = contents
          .get(name)!
          .entries.filter(
            ({ path, kind }) =>
              /^(app|opt\/venv|usr\/local\/(bin|share\/edge))\//.test(path) && kind !== "SymbolicLink",
          );
        assert.ok(own.length > 3);
        assert.deepEqual(
          own.filter(({ uid, mode }) => uid !== 0 || (mode & 0o002) !== 0).map(({ path }) => path),
          [],
        );
      });
      it("keeps below its ceiling", async () => {
        const { Size } = built.get(name)!;
        assert.ok(Size < CEILINGS[name].whole * MB, `${Size / MB} MB`);
        const own = (Size - (await inspect(base(name))).Size) / MB;
        assert.ok(own < CEILINGS[name].own, `${own} MB above ${base(name)}`);
      });
      for (const [what, pattern] of Object.entries(NEVER))
        it(`has not ${what}`, () =>
          assert.deepEqual(
            files(name).filter((path) => pattern.test(path)),
            [],
          ));
      it("has no tests and no tools for development", () =>
        assert.deepEqual(
          files(name).filter((path) => TESTS.test(path)),
          [],
        ));
      it("holds no secret: neither in its files, nor in the environment, nor in how it was built", async () => {
        const history = await docker(
          "history",
          "--no-trunc",
          "--format",
          "{{.CreatedBy}}",
          `localhost/berth/e2e-images:${name}`,
        );
        const own = [...contents.get(name)!.files].filter(([path]) => isOurs(path));
        assert.ok(own.length > 3);
        for (const [where, text] of [...own, ["its history", history]] as const)
          assert.doesNotMatch(text, SECRET_TEXT, where);
        for (const variable of built.get(name)!.Config.Env) assert.doesNotMatch(variable.split("=")[0]!, SECRET_NAME);
      });
      it("is built alike by whoever builds it: another revision changes no layer", async () => {
        const { args, ...rest } = spec(name);
        const other = await build(`${name}-other`, {
          ...rest,
          args: { ...args, REVISION: "another", CREATED: "2026-01-01T00:00:00Z" },
        });
        assert.deepEqual(other.RootFS.Layers, built.get(name)!.RootFS.Layers);
        assert.equal(other.Config.Labels[`${PREFIX}revision`], "another");
      });
    });

  it("share the layers of what the source needs: a changed line makes one new layer", async () => {
    const { context, ...rest } = spec("assistant");
    cpSync(join(ROOT, context), folder, { recursive: true });
    appendFileSync(join(folder, "src/personal_assistant/__init__.py"), "# changed\n");
    await buildImage({ ...rest, context: folder, platform: PLAN.platform, tag: "localhost/berth/e2e-images:changed" });
    tags.push("localhost/berth/e2e-images:changed");
    const [before, after] = [
      built.get("assistant")!.RootFS.Layers,
      (await inspect("localhost/berth/e2e-images:changed")).RootFS.Layers,
    ];
    assert.deepEqual(after.slice(0, -1), before.slice(0, -1));
    assert.notEqual(after.at(-1), before.at(-1));
  });

  it("of the development stage have what reloads, debugs and tests", () => {
    for (const tool of ["watchfiles", "debugpy", "pytest"])
      assert.ok(
        files("development").some((path) => new RegExp(`/site-packages/${tool}-[^/]+/METADATA$`).test(path)),
        tool,
      );
    assert.ok(files("development").some((path) => path.startsWith("app/tests/")));
    // The negative control of the tests above.
    assert.ok(files("development").some((path) => TESTS.test(path)));
    assert.equal(built.get("development")!.Config.User, USERS.assistant);
  });

  describe("of SampleMind", () => {
    const { images, platform } = planOf("samplemind-stage", [], ROOT);
    before(() => good(command(`${ROOT}/bench/hub/build.sh`, ["samplemind"])));

    for (const [name, source] of Object.entries(samplemind.sources))
      it(`SM-75: ${name} is built in the time that it may take`, async () => {
        const { context, ...rest } = images[name]!;
        const copy = join(folder, name);
        cpSync(join(ROOT, context), copy, { recursive: true });
        const tag = `localhost/berth/e2e-images:${name}`;
        tags.push(tag);
        for (const [how, most] of Object.entries(SECONDS)) {
          const began = performance.now();
          if (how === "with another line of code") appendFileSync(join(copy, relative(context, source)), "\n");
          await buildImage({ ...rest, context: copy, platform, tag, fresh: how === "with nothing kept" });
          const took = (performance.now() - began) / 1000;
          console.log(`        ${how}: ${took.toFixed(1)} s`);
          assert.ok(took < most, `${how}: ${took} s`);
        }
      });
  });
});
