/**
 * The third system, as the promises see it: what it does, releases and rotations under load, WebSockets through them, a
 * release that cannot work, a backup that brings everything back. What is not said of a system is tested with the
 * first one (test/e2e).
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { command, docker, eventually, good, ROOT, unchanged } from "../stack/command.ts";
import { Stack } from "../stack/stack.ts";
import { cypher } from "../stores/neo4j.ts";
import { loginOf } from "../stores/store.ts";
import { application } from "../systems/kailash/application.ts";
import type { Found } from "../systems/kailash/client.ts";
import { kailash } from "../systems/kailash/driver.ts";
import { Holder } from "../systems/kailash/websocket.ts";

/** A machine of two cores indexes fewer documents than the common load would write. */
const LOAD = { share: 0.3, posts: 0.05, slow: 0 };

describe("kailash", function () {
  this.timeout(900_000);
  const stack = new Stack(kailash, {
    stack: "e2e-kailash",
    from: "kailash-dev",
    portOffset: 13_000,
    config: { "berth:backup": { every: "30d", keep: 3 } },
  });
  const { project } = stack;
  before(async () => {
    await good(command(`${ROOT}/bench/hub/build.sh`, ["kailash"]));
    await stack.create();
    await project.setSecrets(kailash.secrets("e2e"));
    await stack.start();
  });
  after(() => stack.remove());

  it("KD-55: a second update changes nothing, and neither does a refresh", async () => {
    await unchanged(project.up());
    await good(project.refresh());
    await project.assertDeclared();
  });

  describe("DOCKER-002", () => application(stack));

  it("KD-63: its images are no larger than they may be; those of others are told", async () => {
    const running = await project.output<Record<string, string>>("images");
    const size = async (image: string) =>
      Number(await docker("image", "inspect", "--format", "{{.Size}}", image)) / 1e6;
    for (const service of ["api", "neo4j-users", "edge", "backup"]) {
      const megabytes = await size(running[service]!);
      console.log(`      that of ${service}: ${Math.round(megabytes)} MB`);
      assert.ok(megabytes < 500, service);
    }
    for (const service of ["postgres", "redis", "neo4j"]) {
      const [container] = await project.running(service);
      const image = await docker("inspect", "--format", "{{.Image}}", container!);
      console.log(`      ${service}: ${Math.round(await size(image))} MB`);
    }
  });

  it("a release under load loses no request and no document, and each is indexed once", async () => {
    const { acknowledged } = await stack.lossless(async () => {
      project.edit(kailash.sources["kailash"]!, (text) => `${text}\n# another release\n`);
      await good(project.up());
    }, LOAD);
    await eventually(async () => {
      const times = await kailash.effects.later.count(stack, acknowledged);
      assert.equal(times.size, acknowledged.length);
    }, 240);
  });

  it("KD-12: a client over WebSocket that connects again loses no call in a release", async () => {
    const holder = new Holder(`${stack.edge}/mcp/ws`);
    const held = holder.run("ask", { question: "Who taught Alan Turing?" });
    try {
      project.environment("mcp", { WEBSOCKET_CONNECTIONS: 190 });
      await good(project.up());
    } finally {
      holder.end();
      await held;
    }
    console.log(
      `      ${holder.sent} calls, all answered; connections closed with ${holder.closed.join(", ") || "none"}`,
    );
    assert.equal(holder.unanswered, 0);
    assert.deepEqual([new Set(holder.answered).size, holder.answered.length], [holder.sent, holder.sent]);
    // The service said so: 1012 is "service restart".
    assert.ok(holder.closed.length > 0, "the release replaced nothing");
    assert.deepEqual([...new Set(holder.closed)], [1012]);
  });

  it("a document that is indexed when a release comes is indexed once", async () => {
    const id = await kailash.jobs.begin(stack.session, 4);
    project.environment("dataflow", { INDEXERS: 2 });
    await good(project.up());
    await eventually(async () => {
      const done = await kailash.jobs.done(stack, [id]);
      assert.deepEqual([...done], [[id, 1]]);
    }, 180);
  });

  it("new secrets of stores and callers fail no request; the former log-ins are refused", async () => {
    const { stores, credentials } = kailash;
    const former = await Promise.all(stores.map((store) => loginOf(stack, store)));
    const all = [...stores, ...credentials].map((one) => ({ ...one, next: `next-${randomUUID()}` }));
    const held: (() => Promise<void>)[] = [];
    for (const one of all) if ("watch" in one) held.push(await one.watch(stack, one.next));
    await stack.lossless(async () => {
      for (const { secret, by, next } of all)
        if (by === "set") await project.setSecret(secret, next);
        else await good(project.script("rotate", secret, project.stack));
      await good(project.script("rotate", "neo4jAdminPassword", project.stack));
      await good(project.up());
    }, LOAD);
    for (const holds of held) await holds();
    for (const [n, store] of stores.entries()) {
      assert.ok(await store.lets(stack, await loginOf(stack, store)), store.title);
      await eventually(async () => assert.ok(!(await store.lets(stack, former[n]!)), `${store.title} lets in`), 120);
    }
    assert.ok((await cypher(project, "RETURN 1")).length, "the first user has no new password");
  });

  for (const { what, change, culprit } of kailash.broken.filter(({ gate }) => gate))
    it(`a release that ${what} fails, and the old one serves on`, async () => {
      let mend = (): void => undefined;
      const [, words] = culprit;
      const before = await stack.routes();
      await project.configured({ "berth:waitTimeout": 30 }, async () => {
        mend = change(stack);
        const { code, output } = await project.up();
        assert.notEqual(code, 0, output);
        assert.match(output, words);
      });
      assert.equal(await stack.routes(), before);
      await stack.isReady();
      mend();
      await stack.recovers();
    });

  it("KD-24, KD-49: a backup is restored before it counts, and brings documents, vectors and the graph back", async () => {
    const title = `Kept ${randomUUID()}`;
    const taken = await stack.session.store(title, "Margaret Hamilton wrote the software of Apollo Eleven.");
    const { id } = taken.body as { id: string };
    await eventually(async () => assert.equal((await stack.session.document(id)).state, "indexed"), 60);
    await good(project.script("backup", project.stack));
    await stack.query(`DELETE FROM passages WHERE document = '${id}'; DELETE FROM documents WHERE id = '${id}';`);
    await cypher(project, "MATCH (e:Entity {name: 'Margaret Hamilton'}) DETACH DELETE e");
    assert.equal((await stack.session.get(`/v1/documents/${id}`)).status, 404);
    const began = Date.now();
    await good(project.script("restore", project.stack, "latest", "--redis", "--neo4j", "--discard-newer", "--yes"));
    console.log(`      restored in ${Math.round((Date.now() - began) / 1000)} s`);
    const { passages, neighbours } = (await stack.session.ask("What did Margaret Hamilton write?")).body as Found;
    assert.equal(passages[0]!.document, id);
    assert.ok(
      neighbours.some(({ entity }) => entity === "Margaret Hamilton"),
      JSON.stringify(neighbours),
    );
  });

  it("KD-47, KD-61: in development a change of the source shows at once, and its own tests pass in the image", async () => {
    await project.configured(
      { "berth:imageTarget": "development", "berth:sourceMounts": true, "berth:debug": true },
      async () => {
        await good(project.up());
        const mend = project.insert(
          "services/kailash/src/knowledge/api.py",
          '    @routes.get("/documents/{id}")',
          '    @routes.get("/changed")\n    async def changed() -> str:\n        return "at once"\n\n',
        );
        await eventually(async () => {
          const { status, body } = await stack.session.get("/v1/changed");
          assert.deepEqual([status, body], [200, "at once"]);
        }, 40);
        mend();
        const { api: image } = await project.output<Record<string, string>>("images");
        // What needs the stores is in tests/contract.
        const tests = ["pytest", "-q", "-p", "no:cacheprovider", "--ignore=tests/contract", "tests"];
        const run = ["run", "--rm", "--network", "none", "-w", "/app", image!, "python", "-m", ...tests];
        const { code, output } = await command("docker", run);
        assert.equal(code, 0, output);
        assert.match(output, /\b[1-9]\d+ passed/);
      },
    );
  });
});
