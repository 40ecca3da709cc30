/** Many deploys: what is kept is bounded, on the engine and in the state (docs/promises.md 10). */
import assert from "node:assert/strict";
import { command, docker, good } from "../stack/command.ts";
import { Project } from "../stack/project.ts";

const STACK = "e2e-deploys";
/** Releases that are kept; deploys after as many must not add to anything. */
const KEEP = 1;
const DEPLOYS = Number(process.env["BERTH_RELEASES"] ?? 5);

/** What a deploy of the edge has nothing to do with: it would only take time. */
const OFF = ["sms-router", "alertmanager"];

interface Usage {
  readonly containers: number;
  readonly volumes: number;
  readonly images: number;
  readonly states: number;
  readonly megabytes: number;
}

describe("many deploys", function () {
  this.timeout(3_600_000);
  const project = new Project({
    stack: STACK,
    portOffset: 13500,
    config: {
      "berth:imageTarget": "runtime",
      "berth:sourceMounts": false,
      "berth:debug": false,
      "berth:settle": 0,
      "berth:off": OFF,
    },
  });
  const count = async (...args: string[]): Promise<number> =>
    (await docker(...args)).split("\n").filter(Boolean).length;

  async function usage(): Promise<Usage> {
    const label = ["--filter", `label=berth.stack=${STACK}`];
    const { output: states } = await command(
      "find",
      [".state/.pulumi/history", ".state/.pulumi/backups", "-type", "f"],
      { cwd: project.dir },
    );
    const { output: size } = await command("du", ["-sm", ".state"], { cwd: project.dir });
    return {
      containers: await count("ps", "-aq", ...label),
      volumes: await count("volume", "ls", "-q", ...label),
      // Those of one build that failed or was replaced have no name; the tag of a release is a name more.
      images: await count("image", "ls", "-q", "--filter", "label=org.opencontainers.image.title=berth edge"),
      states: states.split("\n").length,
      megabytes: Number(size.split("\t")[0]),
    };
  }
  async function deploy(keep: number): Promise<Usage> {
    project.edit("services/edge/bootstrap/nginx.conf", (text) => `${text}# ${Date.now()}\n`);
    await good(
      command(`${project.dir}/bin/up`, [STACK], {
        cwd: project.dir,
        env: { ...project.env, BERTH_KEEP_RELEASES: String(keep), BERTH_KEEP_STATES: String(keep) },
      }),
    );
    return usage();
  }

  before(() => project.create());
  after(() => project.remove());

  it(`${DEPLOYS} of them: containers, volumes, images and states level off`, async () => {
    const seen: Usage[] = [];
    for (let n = 0; n < DEPLOYS; n++) seen.push(await deploy(KEEP));
    console.log(
      `      ${seen.map((one) => `${one.images}/${one.states}/${one.megabytes}`).join(" ")} images/states/MB`,
    );
    const [settled, ...later] = seen.slice(KEEP + 1);
    assert.ok(later.length >= 2);
    for (const one of later) {
      const { megabytes, ...counts } = one;
      assert.deepEqual(counts, {
        containers: settled!.containers,
        volumes: settled!.volumes,
        images: settled!.images,
        states: settled!.states,
      });
      assert.ok(Math.abs(megabytes - settled!.megabytes) <= 1, `${megabytes} MB, before ${settled!.megabytes} MB`);
    }
  });

  it("where more is kept, more is there (negative control)", async () => {
    const before = await usage();
    await deploy(100);
    const after = await deploy(100);
    assert.ok(after.images >= before.images + 2 && after.states > before.states, JSON.stringify({ before, after }));
  });
});
