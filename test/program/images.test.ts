/** Where images come from: built here, pushed, or existing. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { planOf } from "../../bin/stack.ts";
import { askable } from "../../components/image-sources.ts";
import { provenanceOf, version } from "../../components/provenance.ts";
import {
  CONTAINER,
  find,
  ofType,
  type Recorded,
  type Run,
  type RunArgs,
  runAnew,
  runProgram,
  running,
} from "./support.ts";

const IMAGE = "docker:index/image:Image";
/** The stack files may name promoted images. */
const BUILT = { "berth:images": undefined, "berth:registry": undefined };
const REGISTRY = { ...BUILT, "berth:registry": "registry.example.org/team" };
/** The images of stage, which are those of prod. */
const { images: IMAGES, system } = planOf("stage");
const NAMES = Object.keys(IMAGES);
const DIGESTS = Object.fromEntries(
  NAMES.map((name) => {
    const digest = createHash("sha256").update(name).digest("hex");
    return [name, `registry.example.org/team/${system}-${name}@sha256:${digest}`];
  }),
);
const without = (...names: string[]): Record<string, string> =>
  Object.fromEntries(Object.entries(DIGESTS).filter(([name]) => !names.includes(name)));
const asked = (image: string): string => image.replace("@", ":digest@");
const DIGEST = `sha256:${"0".repeat(64)}`;
const built = (run: Run): string[] =>
  ofType(run, IMAGE)
    .map(({ name }) => name)
    .sort();
const imageOf = (run: Run, container: string): unknown => find(run, CONTAINER, container).inputs["image"];

describe("images", function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), "berth-images-"));
  after(() => rmSync(folder, { recursive: true }));

  it("stay on the engine without a registry, under a name of the stack", async () => {
    const run = await runProgram({ stack: "stage", config: BUILT });
    assert.deepEqual(built(run), NAMES.map((name) => `${system}-stage-${name}`).sort());
    for (const { name, inputs } of ofType(run, IMAGE)) {
      assert.equal(inputs["imageName"], `localhost/berth/${name.replace("-stage-", "-")}:stage`);
      assert.equal(inputs["skipPush"], true);
      assert.equal(inputs["registry"], undefined);
    }
    assert.match(imageOf(run, "assistant-stage-api-1") as string, /^sha256:[0-9a-f]{64}$/);
  });

  it("say which version and commit they are made of: the same tree gives the same arguments, and outside git there is one word", async () => {
    const args = async (run: typeof runProgram, history?: RunArgs["history"]) =>
      Object.fromEntries(
        ofType(await run({ stack: "stage", config: BUILT, ...(history ? { history } : {}) }), IMAGE).map(
          ({ name, inputs }) => [name, (inputs["build"] as { args: Record<string, string> }).args],
        ),
      );
    const outside = await args(runProgram);
    for (const { VERSION, REVISION, CREATED } of Object.values(outside))
      assert.deepEqual([VERSION, REVISION, CREATED], [version(), "uncommitted", "unknown"]);
    const inside = await args(runProgram, "this checkout");
    assert.deepEqual(await args(runAnew, "this checkout"), inside, "the clock is not in them");
    assert.deepEqual(
      inside,
      Object.fromEntries(
        Object.entries(IMAGES).map(([name, image]) => [
          `${system}-stage-${name}`,
          { ...provenanceOf(image), ...image.args },
        ]),
      ),
    );
  });

  it("are pushed as version and commit of their folder, and containers run the digest", async () => {
    const run = await runProgram({ stack: "stage", config: REGISTRY });
    assert.deepEqual(built(run), NAMES.map((name) => `${system}-stage-${name}`).sort());
    for (const { name, inputs } of ofType(run, IMAGE)) {
      assert.equal(
        inputs["imageName"],
        `registry.example.org/team/${name.replace("-stage-", "-")}:${version()}-uncommitted`,
      );
      assert.equal(inputs["skipPush"], false);
      // The docker client's log-in is used: no credential can get into the state.
      assert.equal(inputs["registry"], undefined);
    }
    for (const { name, inputs } of running(run))
      assert.match(
        inputs["image"] as string,
        /^registry\.example\.org\/team\/assistant-[\w-]+@sha256:[0-9a-f]{64}$|^[^@]+:[^/:@]+$/,
        name,
      );
    assert.equal((run.outputs["images"] as Record<string, string>)["api"], imageOf(run, "assistant-stage-api-1"));
    const names = (of: Run) => ofType(of, IMAGE).map(({ inputs }) => inputs["imageName"]);
    assert.deepEqual(
      names(await runProgram({ stack: "prod", config: REGISTRY })),
      names(run),
      "no stack is in the name",
    );
  });

  it("of a development stage get a tag of their own", async () => {
    const run = await runProgram({ stack: "dev", config: REGISTRY });
    assert.match(find(run, IMAGE, "assistant-dev-assistant").inputs["imageName"] as string, /-development$/);
    assert.doesNotMatch(find(run, IMAGE, "assistant-dev-edge").inputs["imageName"] as string, /-development$/);
  });

  it("are not named where git refuses to tell, as of another user's checkout", async () => {
    const broken = join(folder, "broken");
    execFileSync("git", ["init", "--quiet", "--bare", "--initial-branch=main", broken]);
    writeFileSync(join(broken, "refs/heads/main"), `${"1".repeat(40)}\n`);
    const run = runProgram({ stack: "stage", config: REGISTRY, history: { gitDir: broken } });
    await assert.rejects(run, ({ message }: Error) => {
      assert.match(message, /^1 problem [\s\S]*berth:registry: git log[\s\S]*fix: {5}git -C \S+ status/);
      return true;
    });
  });
  it("are not named in a clone whose history is cut off", async () => {
    const git = (...args: string[]) =>
      execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@example.org", ...args], {
        cwd: folder,
        stdio: "ignore",
      });
    git("init", "whole");
    for (const message of ["one", "two"]) git("-C", "whole", "commit", "--allow-empty", "-m", message);
    git("clone", "--bare", "--depth=1", `file://${folder}/whole`, "shallow");
    const history = { gitDir: join(folder, "shallow") };
    await assert.rejects(runProgram({ stack: "stage", config: REGISTRY, history }), ({ message }: Error) => {
      assert.match(
        message,
        /^1 problem [\s\S]*berth:registry: this clone has not its whole history[\s\S]*fix: {5}git fetch --unshallow/,
      );
      return true;
    });
  });

  it("that exist are run as they are, and not built; the registry is not asked for what the engine has", async () => {
    const run = await runProgram({
      stack: "prod",
      config: { "berth:images": DIGESTS },
      existing: { engine: Object.values(DIGESTS) },
    });
    assert.deepEqual(ofType(run, IMAGE), []);
    assert.equal(imageOf(run, "assistant-prod-api-1"), DIGESTS["assistant"]);
    assert.equal(imageOf(run, "assistant-prod-edge-routes-files-seed"), DIGESTS["edge"]);
    assert.deepEqual(
      run.calls.toSorted(),
      Object.values(DIGESTS)
        .map((image) => `getRemoteImage ${image}`)
        .sort(),
    );
  });

  it("are looked for in the registry where the engine has none, one of them built all the same", async () => {
    const here = Object.values(without("assistant", "edge"));
    const there = DIGESTS["edge"]!;
    const run = await runProgram({
      stack: "prod",
      config: { "berth:images": without("assistant") },
      existing: { engine: here, registry: [asked(there)] },
    });
    assert.deepEqual(
      run.calls.toSorted(),
      [`getRegistryImage ${asked(there)}`, ...[there, ...here].map((image) => `getRemoteImage ${image}`)].sort(),
    );
    assert.deepEqual(built(run), ["assistant-prod-assistant"]);
    assert.equal(imageOf(run, "assistant-prod-edge"), there);
  });

  for (const [image, name] of [
    [`registry.example.org:5000/team/edge@${DIGEST}`, `registry.example.org:5000/team/edge:digest@${DIGEST}`],
    [`localhost/edge@${DIGEST}`, `localhost/edge:digest@${DIGEST}`],
    [`registry.example.org:5000/edge:1@${DIGEST}`, `registry.example.org:5000/edge:1@${DIGEST}`],
    [`docker.io/team/edge@${DIGEST}`, `team/edge:digest@${DIGEST}`],
  ] as const)
    it(`${image.split("@")[0]!} by digest is asked for so that the registry's look-up understands it`, () =>
      assert.equal(askable(image), name));

  for (const preview of [true, false])
    it(`that nobody has are refused before the first resource, all of them (${preview ? "preview" : "update"})`, async () => {
      const resources: Recorded[] = [];
      const local = `sha256:${"1".repeat(64)}`;
      await assert.rejects(
        runProgram({
          stack: "prod",
          preview,
          config: { "berth:images": { ...DIGESTS, assistant: local } },
          existing: { engine: Object.values(without("assistant", "edge")) },
          resources,
        }),
        ({ message }: Error) => {
          assert.match(message, /^2 problems in the configuration of stack "prod"\. Nothing was touched\./);
          assert.ok(
            message.includes(`berth:images.assistant: ${local}, which the engine does not have: did not find`),
            message,
          );
          assert.ok(
            message.includes(
              `berth:images.edge: ${DIGESTS["edge"]}, which the engine does not have and its registry does not show: did not find`,
            ),
            message,
          );
          assert.match(
            message,
            /bin\/promote <from> prod {3}\(or build it here: pulumi config rm --path berth:images\.edge --stack prod\)/,
          );
          return true;
        },
      );
      assert.deepEqual(
        resources.filter(({ type }) => type.startsWith("docker:")),
        [],
      );
    });
});
