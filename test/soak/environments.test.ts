/**
 * Dev, stage and prod side by side on one engine: nothing shared, no way from one to another, and none that is not
 * meant inside one (docs/promises.md 12).
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { docker, eventually, good } from "../stack/command.ts";
import type { Project } from "../stack/project.ts";
import { Client } from "../systems/assistant/client.ts";
import { assistant } from "../systems/assistant/driver.ts";
import { noWay, nothingShared } from "./environments/apart.ts";
import { insideProd, wayOut } from "./environments/inside.ts";
import { refused } from "./environments/refused.ts";
import { Three } from "./environments/three.ts";

const TYPED = `    @app.get('/v1/typed')
    async def typed() -> str:
        return 'just typed'

`;

describe("three environments on one engine", function () {
  this.timeout(2_400_000);
  const three = new Three();
  const { dev, stage, prod, serving } = three;
  const edgeOf = (project: Project) => project.output<string>("edgeUrl");

  before(() => three.start());
  after(() => three.remove());

  it("PA-01: all three are up at once, each answering for itself", async () => {
    for (const project of three.all) {
      const client = new Client(await edgeOf(project));
      const { status, body } = await eventually(() => client.get(assistant.paths.light));
      assert.deepEqual([status, (body as { environment: string }).environment], [200, project.plan().environment]);
    }
    const { known } = prod;
    for (const { name, replicas } of known.those({ kind: "stateless", tier: "app" }))
      assert.equal((await prod.running(name)).length, replicas, name);
    for (const { name, replicas } of [known.behind(assistant.paths.light), ...known.internally])
      assert.ok(replicas >= 2, name);
  });

  it("PA-25: the test users log in to stage with the generated password; dev and prod do not know them", async () => {
    const credentials = (project: Project) => project.output<Record<string, string>>("credentials", "--show-secrets");
    const [, emails, password] = /^(.+): (\S+)$/.exec((await credentials(stage))["seed"]!)!;
    const users = emails!.match(/\S+@[^\s,]+/g)!;
    assert.deepEqual(users, ["alice@example.com", "bob@example.com"]);
    const login = async (project: Project, email: string) => {
      const client = new Client(await edgeOf(project));
      const { status, body } = await client.post("/v1/auth/login", { email, password });
      client.token = (body as { access_token?: string }).access_token ?? "";
      return { client, status };
    };
    for (const email of users) {
      const { client, status } = await login(stage, email);
      assert.equal(status, 200, email);
      assert.equal(((await client.get("/v1/tasks")).body as unknown[]).length, 3, email);
    }
    for (const project of [dev, prod]) {
      assert.ok(!("seed" in (await credentials(project))), project.stack);
      assert.equal((await login(project, "bob@example.com")).status, 401, project.stack);
    }
  });

  wayOut(three);

  it("PA-22: dev runs source as it is typed, with no up; stage has it in its image (control)", async () => {
    const typed = async (project: Project) => {
      project.insert(assistant.sources["assistant"]!, "    for routes in (auth", TYPED);
      const url = `${await edgeOf(project)}/v1/typed`;
      return async () => (await fetch(url)).text();
    };
    const [inDev, inStage] = [await typed(dev), await typed(stage)];
    await eventually(async () => assert.match(await inDev(), /just typed/), 30);
    assert.doesNotMatch(await inStage(), /just typed/);
    for (const name of await dev.running(dev.known.behind("/v1/typed").name))
      assert.equal(await docker("inspect", "--format", "{{.RestartCount}}", name), "0");
  });

  describe("nothing is shared", () => nothingShared(three));
  describe("no way from one to another", () => noWay(three));
  describe("inside prod", () => insideProd(three));
  describe("at the preview", () => refused(three));

  // A suite of its own: a suite's tests run before the suites inside it, and this must be the last.
  describe("in the end", () => {
    it("bin/restore --to: one's data into another; not over newer data unasked, and it stays where it was", async () => {
      const what = randomUUID();
      // As in a checkout of people's, which has the files of all its stacks.
      const file = `Pulumi.${dev.stack}.yaml`;
      stage.write(file, dev.read(file));
      const enter = async (project: Project) => assistant.enter(await edgeOf(project), "moved");
      const has = async (project: Project) => assistant.keeps(await enter(project), what);
      const restore = (...args: string[]) =>
        stage.script("restore", stage.stack, "latest", "--to", dev.stack, "--yes", ...args);
      const { path, body } = assistant.effects.later.write(what);
      await (await enter(stage)).post(path, body);
      await eventually(async () => assert.ok(await has(stage)));
      await good(stage.script("backup", stage.stack));
      assert.equal(await has(dev), false);
      const { code, output } = await restore();
      assert.notEqual(code, 0, output);
      assert.match(output, /stack e2e-dev has newer data than backup/);
      assert.equal(await has(dev), false);
      await good(restore("--discard-newer"));
      for (const project of [dev, stage]) await eventually(async () => assert.ok(await has(project)));
    });

    it("destroying dev, data included, under load on prod loses nothing of prod or stage", async () => {
      const [ids, untouched] = [await prod.containers(), await stage.objects()];
      const destroy = async () => {
        await good(dev.script("down", dev.stack, "--data", "--yes"));
      };
      // A quarter of the load, because three systems and a destroy are on the machine as well.
      await serving.lossless(destroy, { share: 0.25 });
      assert.deepEqual(await dev.objects(), []);
      assert.deepEqual(await prod.containers(), ids);
      assert.deepEqual(await stage.objects(), untouched);
      assert.equal((await serving.session.get("/ready")).status, 200);
      assert.equal((await new Client(await edgeOf(stage)).get("/ready")).status, 200);
    });
  });
});
