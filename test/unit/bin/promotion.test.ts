import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, parseDocument } from "yaml";
import { pinned, promoted, refusals } from "../../../bin/promotion.ts";
import { builtImages } from "../../../bin/stack.ts";
import { makePlan } from "../../../plan/plan.ts";
import { catalogue, context, service } from "../support.ts";

const ROOT = join(import.meta.dirname, "../../..");
const digest = (image: string, digit: string): string =>
  `registry.example.org/team/assistant-${image}@sha256:${digit.repeat(64)}`;
const IMAGES = { assistant: digest("assistant", "a"), edge: digest("edge", "e") };
/** A stack file of this checkout, as it is before the first promotion. */
const stackFile = (stack: string): string => {
  const document = parseDocument(readFileSync(join(ROOT, `Pulumi.${stack}.yaml`), "utf8"));
  document.deleteIn(["config", "berth:images"]);
  return document.toString({ lineWidth: 0 });
};
const imagesIn = (file: string): unknown => (parse(file) as { config: Record<string, unknown> }).config["berth:images"];
const added = (before: string, after: string): string[] =>
  after.split("\n").filter((line) => !before.split("\n").includes(line));

describe("bin/promotion", () => {
  it("says in words what a person can mend, as every script does, and nothing of where it was found", () => {
    const { status, stderr } = spawnSync(process.execPath, [join(ROOT, "bin/promote.ts"), "dev", "nowhere"], {
      cwd: ROOT,
      encoding: "utf8",
    });
    assert.equal(status, 1);
    assert.match(stderr, /^error: Pulumi\.nowhere\.yaml cannot be read: .*\n$/);
  });
  for (const stack of ["dev", "stage", "prod"])
    it(`adds the images to Pulumi.${stack}.yaml and leaves every other line as it was, comments included`, () => {
      const file = stackFile(stack);
      const after = promoted(file, IMAGES);
      assert.deepEqual(added(file, after), [
        "  berth:images:",
        `    assistant: ${IMAGES.assistant}`,
        `    edge: ${IMAGES.edge}`,
      ]);
      assert.deepEqual(added(after, file), []);
    });

  it("replaces what stood there, keeps the comments beside it, and is done with it the second time", () => {
    const first = promoted(stackFile("prod"), IMAGES)
      .replace("    edge:", "    # reviewed by Ann\n    edge:")
      .replace(IMAGES.assistant, `${IMAGES.assistant} # since May`);
    const next = { ...IMAGES, edge: digest("edge", "f") };
    const second = promoted(first, next);
    assert.deepEqual(added(first, second), [`    edge: ${next.edge}`]);
    assert.match(second, /# reviewed by Ann\n {4}edge/);
    assert.match(second, /# since May\n/);
    assert.equal(promoted(second, next), second);
  });

  it("writes the stack files of this checkout as they are written", () => {
    for (const stack of ["dev", "stage", "prod"]) {
      const file = readFileSync(join(ROOT, `Pulumi.${stack}.yaml`), "utf8");
      const { "berth:images": images } = (parse(file) as { config: { "berth:images"?: Record<string, string> } })
        .config;
      if (images) assert.equal(promoted(file, images), file);
      else assert.equal(stackFile(stack), file);
    }
  });

  it("takes away an image that did not run, and writes a map on one line as a list of lines", () => {
    const file = `config:\n  berth:images: { edge: ${IMAGES.edge}, gone: ${digest("gone", "0")} }\n`;
    assert.deepEqual(imagesIn(promoted(file, IMAGES)), { edge: IMAGES.edge, assistant: IMAGES.assistant });
    assert.ok(
      promoted(file, IMAGES)
        .split("\n")
        .every((line) => (line.match(/sha256/g) ?? []).length <= 1),
    );
  });

  describe("of what is pulled", () => {
    const A = `sha256:${"a".repeat(64)}`;
    const B = `sha256:${"b".repeat(64)}`;
    const of = (ran: string, wanted: string, ...digests: string[]) => pinned([{ name: "db", ran, wanted, digests }]);
    it("carries the digest that the engine pulled, to where the other stack pulls from", () => {
      for (const [ran, wanted, digests, expected] of [
        ["pg/pg:17", "pg/pg:17", [`pg/pg@${A}`], `pg/pg:17@${A}`],
        ["pg/pg:17", "mirror.example.org:5000/pg/pg:17", [`pg/pg@${A}`], `mirror.example.org:5000/pg/pg:17@${A}`],
        ["pg/pg:17", `pg/pg:17@${B}`, [`other/pg@${B}`, `pg/pg@${A}`], `pg/pg:17@${A}`],
        [`pg/pg:17@${A}`, "pg/pg:17", [], `pg/pg:17@${A}`],
      ] as const)
        assert.deepEqual(of(ran, wanted, ...digests), { images: { db: expected }, left: [] });
    });
    it("leaves, and names, another version, and what the engine alone knows", () => {
      assert.deepEqual(of("pg:17", "pg:16", `pg@${A}`), {
        images: {},
        left: ["db: pg:16 is another version than pg:17"],
      });
      for (const digests of [[], [`x@${A}`, `y@${B}`]])
        assert.deepEqual(of("pg:17", "pg:17", ...digests), { images: {}, left: ["db: pg:17 came from no registry"] });
    });
    it("is written beside what else stands there, once", () => {
      const file = "config:\n  berth:baseImages:\n    nginx: nginx:1.30 # ours\n";
      const after = promoted(file, IMAGES, { db: `pg:17@${A}` });
      assert.deepEqual(added(file, after).slice(0, 1), [`    db: pg:17@${A}`]);
      assert.match(after, /nginx: nginx:1\.30 # ours\n/);
      assert.equal(promoted(after, IMAGES, { db: `pg:17@${A}` }), after);
    });
  });

  it("refuses local ids in one problem that names them all and the way to a registry", () => {
    const local = `sha256:${"1".repeat(64)}`;
    const problems = refusals(
      { stack: "stage", system: "assistant", images: { assistant: local, edge: local } },
      { stack: "prod", system: "assistant" },
    );
    assert.equal(problems.length, 1);
    assert.equal(problems[0]!.key, "berth:registry");
    assert.ok(problems[0]!.got.includes(`assistant as ${local}, edge as ${local}`));
    assert.equal(
      problems[0]!.fix,
      "pulumi config set berth:registry registry.example.org/team --stack stage, then bin/up stage",
    );
    assert.deepEqual(
      refusals({ stack: "stage", system: "assistant", images: IMAGES }, { stack: "prod", system: "assistant" }),
      [],
    );
  });

  it("refuses a tag, a stack that never ran, and a stack of another system", () => {
    const of = (images: Record<string, string | undefined>, system = "assistant") =>
      refusals({ stack: "stage", system: "assistant", images }, { stack: "prod", system }).map(({ key }) => key);
    assert.deepEqual(of({ edge: "registry.example.org/team/assistant-edge:1.0.0" }), ["berth:registry"]);
    assert.deepEqual(of({ edge: "<none>@<none>" }), ["berth:registry"]);
    assert.deepEqual(of({ edge: undefined }), ["stack stage"]);
    assert.deepEqual(of(IMAGES, "another"), ["berth:system"]);
  });

  it("finds what ran of each image, of a service that is new in this checkout as well", () => {
    const plan = makePlan(
      catalogue([
        service("api", { image: { build: "main" } }),
        service("worker", { image: { build: "main" } }),
        service("edge", { image: { build: "edge" } }),
        service("db"),
      ]),
      context(),
    );
    assert.deepEqual(builtImages(plan, { worker: IMAGES.assistant, edge: IMAGES.edge, db: "busybox:1" }), {
      edge: IMAGES.edge,
      main: IMAGES.assistant,
    });
    assert.deepEqual(builtImages(plan, {}), { edge: undefined, main: undefined });
  });
});
