/**
 * The second system, as the promises see it: what it does, releases and rotations under load, a release that cannot
 * work, a backup that brings everything back. What is not said of a system is tested with the first one (test/e2e).
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { command, docker, eventually, good, ROOT } from "../stack/command.ts";
import { Stack } from "../stack/stack.ts";
import { loginOf } from "../stores/store.ts";
import { application } from "../systems/samplemind/application.ts";
import { tone } from "../systems/samplemind/audio.ts";
import type { Sample } from "../systems/samplemind/client.ts";
import { samplemind } from "../systems/samplemind/driver.ts";

/** A machine of two cores analyses fewer sounds than the common load would write. */
const LOAD = { share: 0.3, posts: 0.05, slow: 0 };

describe("samplemind", function () {
  this.timeout(900_000);
  const stack = new Stack(samplemind, {
    stack: "e2e-samplemind",
    from: "samplemind-dev",
    portOffset: 14_000,
    config: { "berth:backup": { every: "30d", keep: 3 } },
  });
  const { project } = stack;
  before(async () => {
    await good(command(`${ROOT}/bench/hub/build.sh`, ["samplemind"]));
    await stack.create();
    await project.setSecrets(samplemind.secrets("e2e"));
    await stack.start();
  });
  after(() => stack.remove());

  describe("its application", () => application(stack));

  it("SM-12: runs everything that its plan says, all of it healthy", async () => {
    await project.assertDeclared();
    assert.deepEqual(await project.unhealthy(), []);
  });

  it("SM-71 to SM-73: its images are no larger than they may be", async () => {
    const running = await project.output<Record<string, string>>("images");
    for (const [service, most] of Object.entries({ backend: 500, worker: 500, frontend: 100 })) {
      const bytes = Number(await docker("image", "inspect", "--format", "{{.Size}}", running[service]!));
      assert.ok(bytes < most * 1e6, `${service}: ${Math.round(bytes / 1e6)} MB`);
      console.log(`      ${service}: ${Math.round(bytes / 1e6)} MB`);
    }
  });

  it("a release under load loses no request and no upload, and each is analysed once", async () => {
    const { acknowledged } = await stack.lossless(async () => {
      project.edit(samplemind.sources["samplemind"]!, (text) => `${text}\n# another release\n`);
      await good(project.up());
    }, LOAD);
    await eventually(async () => {
      const times = await samplemind.effects.later.count(stack, acknowledged);
      assert.equal(times.size, acknowledged.length);
    }, 240);
  });

  it("a job that is at work when a release comes is done once", async () => {
    const id = await samplemind.jobs.begin(stack.session, 20);
    await eventually(async () => assert.equal(await samplemind.jobs.running(stack, [id]), 1), 30);
    project.environment("worker", { RELEASE: "another" });
    await good(project.up());
    await eventually(async () => assert.deepEqual([...(await samplemind.jobs.done(stack, [id])).keys()], [id]), 180);
  });

  it("new secrets of stores, sessions and Flower fail no request; the former log-ins are refused", async () => {
    const { stores, credentials } = samplemind;
    const former = await Promise.all(stores.map((store) => loginOf(stack, store)));
    const all = [...stores, ...credentials].map((one) => ({ ...one, next: `next-${randomUUID()}` }));
    const held: (() => Promise<void>)[] = [];
    for (const one of all) if ("watch" in one) held.push(await one.watch(stack, one.next));
    await stack.lossless(async () => {
      for (const { secret, by, next } of all)
        if (by === "set") await project.setSecret(secret, next);
        else await good(project.script("rotate", secret, project.stack));
      await good(project.up());
    }, LOAD);
    for (const holds of held) await holds();
    for (const [n, store] of stores.entries()) {
      assert.ok(await store.lets(stack, await loginOf(stack, store)), store.title);
      await eventually(async () => assert.ok(!(await store.lets(stack, former[n]!)), `${store.title} lets in`), 120);
    }
  });

  for (const { what, change, culprit } of samplemind.broken.filter(({ gate }) => gate))
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

  it("SM-61: a backup is restored before it counts, and brings documents, vectors and samples back", async () => {
    const answer = await stack.session.upload("kept.wav", tone({ seconds: 3 }));
    const { id } = answer.body as Sample;
    await eventually(async () => assert.equal((await stack.session.sample(id)).state, "ready"), 60);
    await good(project.script("backup", project.stack));
    const [backend] = await project.running("backend");
    assert.equal((await stack.session.call("DELETE", `/api/samples/${id}`)).status, 204);
    await docker("exec", backend!, "test", "!", "-e", `/var/lib/samplemind/samples/${id}`);
    await good(project.script("restore", project.stack, "latest", "--mongo", "--chroma", "--samples", "--yes"));
    assert.equal((await stack.session.sample(id)).state, "ready");
    assert.equal((await stack.session.get(`/api/samples/${id}/similar`)).status, 200);
    const part = await stack.session.call("GET", `/api/samples/${id}/audio`, undefined, { range: "bytes=0-3" });
    assert.equal(part.body, "RIFF");
  });
});
