/** Promise 8 (docs/promises.md): what breaks heals by itself: hung processes, a database away, a lost engine. */
import assert from "node:assert/strict";
import { inAll, inGate } from "../length.ts";
import { hang } from "../stack/inject.ts";
import { keptOnce, Restarts } from "../stack/ledger.ts";
import { killEngine, ownEngine, startEngine } from "../stack/own-engine.ts";
import { docker, eventually, good, sleep, unchanged } from "../stack/command.ts";
import type { World } from "../stack/world.ts";
import { healthy, healthyAtLast, routed, routesSay } from "./healthy.ts";

export function healing({ stack }: World): void {
  const { project, driver } = stack;
  const restarts = new Restarts(stack);

  /** One of those that answer the light path. The others go on answering it. */
  async function oneOfMany(): Promise<string> {
    const names = await project.running(project.known.behind(driver.paths.light).name);
    assert.ok(names.length >= 2, `only ${names.join(", ")} answers ${driver.paths.light}`);
    return names[0]!;
  }
  /** Until a replica left the routes, which takes seconds, and the others answer. @returns seconds */
  async function leaves(name: string): Promise<number> {
    const began = Date.now();
    await routesSay(stack, new RegExp(`down; # ${name}`));
    const left = Date.now() - began;
    assert.ok(left < 15_000, `${left} ms`);
    for (let i = 0; i < 20; i++) assert.equal((await stack.session.get(driver.paths.light)).status, 200);
    return Math.round(left / 1000);
  }
  inGate(
    "promise 8: a hung replica leaves the routes within seconds, others answer, and its own health check has it restarted",
    async () => {
      const name = await oneOfMany();
      const started = () => docker("inspect", "--format", "{{.State.StartedAt}}", name);
      const before = await started();
      const began = Date.now();
      await hang(name);
      const left = await leaves(name);
      await eventually(async () => assert.notEqual(await started(), before), 90);
      await routed(stack);
      console.log(`      out of the routes after ${left} s, back after ${Math.round((Date.now() - began) / 1000)} s`);
    },
  );

  inGate("promise 8: so does one that is gone, and it is back in them when it is", async () => {
    const name = await oneOfMany();
    await docker("stop", name);
    try {
      console.log(`      out of the routes after ${await leaves(name)} s`);
    } finally {
      await docker("start", name);
    }
    await routed(stack);
  });

  it("promise 8: nothing has the engine's socket, by which a container could replace others", async () => {
    const ids = [...(await project.containers()).values()];
    const mounts = await docker("inspect", "--format", "{{range .Mounts}}{{println .Source}}{{end}}", ...ids);
    assert.ok(mounts.length > 100);
    assert.doesNotMatch(mounts, /docker\.sock/);
  });

  /** The database is away for so many seconds: what needs it is refused as it should, and soon answered again. */
  async function away([down, up]: readonly [string, string], seconds: number): Promise<void> {
    const database = await project.container(driver.stores[0].service);
    await docker(down, database);
    const end = Date.now() + seconds * 1000;
    let slowest = 0;
    try {
      await sleep(1000);
      while (Date.now() < end) {
        const began = Date.now();
        const { status, headers, body } = await stack.session.get(driver.paths.data);
        slowest = Math.max(slowest, Date.now() - began);
        assert.equal(status, 503, JSON.stringify(body));
        assert.ok(headers.get("retry-after"));
        assert.doesNotMatch(JSON.stringify(body), /Traceback|psycopg|pymongo|\.py/);
        await sleep(1000);
      }
    } finally {
      await docker(up, database);
    }
    assert.ok(slowest > 0 && slowest < 10_000, `the slowest answer took ${slowest} ms`);
    const began = Date.now();
    await eventually(() => stack.isReady(), 20);
    const back = Date.now() - began;
    console.log(`      slowest 503 after ${slowest} ms; 2xx again ${back} ms after the database was back`);
  }
  async function noStorm(): Promise<void> {
    await healthy(stack);
    assert.deepEqual(await restarts.since(), {}, "a restart storm");
  }

  it("promise 8: a database that is paused for 12 s under load is a controlled 503 on writes, and nothing else shows", async () => {
    await restarts.begin();
    const load = { slow: 0, reads: stack.storeless };
    const report = await stack.underLoad(() => away(["pause", "unpause"], 12), load);
    const { failures, acknowledged } = report;
    const controlled = Object.keys(failures).filter((failure) => /^POST .*: status 503$/.test(failure));
    // Were there none, the load would not see a database that is away (negative control).
    assert.notDeepEqual(controlled, [], JSON.stringify(failures));
    // What reads no data is answered all the while, and nothing is answered but 2xx and the controlled 503.
    assert.deepEqual(Object.keys(failures), controlled);
    await keptOnce(stack, driver.effects.direct, acknowledged);
    await noStorm();
  });

  for (const [what, ...how] of [
    ["paused", "pause", "unpause"],
    ["stopped", "stop", "start"],
  ] as const)
    inAll(
      `promise 8: a database that is ${what} for 30 s is a controlled 503, and a 2xx again within seconds`,
      async () => {
        await restarts.begin();
        await away(how, 30);
        // What restarts late is a storm as well.
        await sleep(5000);
        await noStorm();
      },
    );

  for (const [how, signal] of [
    ["stopped", "SIGTERM"],
    ["killed", "SIGKILL"],
  ] as const)
    inAll(`promise 8: the engine ${how} and started again: everything is healthy with no manual step`, async () => {
      if (!ownEngine()) return;
      const kept = `before the engine was ${how}`;
      await driver.keep(stack.session, kept);
      await killEngine(signal);
      await startEngine();
      await healthy(stack);
      await eventually(() => stack.isReady());
      assert.ok(await driver.keeps(stack.session, kept));
      await good(project.preview("--expect-no-changes"));
      await unchanged(project.up());
    });

  healthyAtLast(stack);
}
