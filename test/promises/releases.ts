/**
 * Promises 1 and 2: releases under load, through the plain CLI. The load, and
 * what counts as a failure: test/load/load.ts.
 */
import assert from "node:assert/strict";
import type { LoadReport } from "../load/load.ts";
import { ALL, inAll } from "../length.ts";
import { keptOnce } from "../stack/ledger.ts";
import { docker, engineNow, eventually, good, sleep } from "../stack/project.ts";
import { addressOn } from "../stack/reach.ts";
import type { World } from "../stack/world.ts";

/** Releases in a row. */
const ROW = Number(process.env["BERTH_RELEASES"] ?? (ALL ? 10 : 3));

export function releases({ stack, canary }: World): void {
  const { project, driver } = stack;
  /** The service that the load asks. */
  const front = (): string => project.known.behind(driver.paths.light).name;
  const touch = (image: string): void =>
    project.edit(driver.sources[image]!, (text) => `${text}# release ${Date.now()}\n`);
  const touched = (): void => touch(project.known.imageOf(front()));

  it("promise 1: a plain restart loses requests (negative control)", async () => {
    const names = await project.running(front());
    const report = await stack.underLoad(async () => {
      await docker("kill", ...names);
      await docker("start", ...names);
      await sleep(2000);
    });
    assert.notDeepEqual(report.failures, {});
    await eventually(() => stack.isReady());
  });

  it(`promise 1: ${ROW} releases in a row (environment, image, limit) lose nothing`, async () => {
    const kinds: readonly ((round: number) => void | Promise<void>)[] = [
      () => project.environment(front(), { RELEASE: Date.now() }),
      touched,
      (round) => project.set(front(), { cpus: round % 2 ? 1.25 : 1.5 }),
      () => project.setSecret(driver.stores[0]!.secret, canary.value("release")),
    ];
    await stack.lossless(
      async () => {
        for (let n = 0; n < ROW; n++) {
          const before = await project.running(front());
          await kinds[n % kinds.length]!(Math.floor(n / kinds.length));
          await good(project.up());
          assert.notDeepEqual(await project.running(front()), before, "nothing was released");
        }
      },
      ALL ? { slow: 20 } : {},
    );
  });

  it("promise 1: scaling to three, and a release of everything else while jobs are at work, lose nothing", async () => {
    const { jobs } = driver;
    const scaled = project.known.internally[0]!.name;
    const others = project.known.those({ kind: "stateless", tier: "app" }).filter(({ name }) => name !== front());
    const ids: string[] = [];
    await stack.lossless(async () => {
      // Half a minute of work for one worker: some of it goes on when the next worker takes over.
      for (let n = 0; n < 6; n++) ids.push(await jobs.begin(stack.session, 8));
      project.set(scaled, { replicas: 3 });
      for (const { name } of others) project.environment(name, { RELEASE: Date.now() });
      const said = until(async () => good(project.up()), driver.effects.later.write);
      await keptOnce(stack, driver.effects.later, await said);
    });
    assert.equal((await project.running(scaled)).length, 3);
    // No job is lost, and none ran twice.
    await eventually(async () => {
      const done = await jobs.done(stack, ids);
      assert.deepEqual(Object.fromEntries(done), Object.fromEntries(ids.map((id) => [id, 1])));
    }, 60);
  });

  /** Writes twice a second while something is done. @returns the ids that were acknowledged */
  async function until(work: () => Promise<unknown>, write: (id: string) => { path: string; body: unknown }) {
    let ended = false;
    const ids: string[] = [];
    const writing = (async () => {
      while (!ended) {
        const id = crypto.randomUUID();
        const { path, body } = write(id);
        const { status } = await stack.session.post(path, body);
        assert.ok(status < 300, `${path}: ${status}`);
        ids.push(id);
        await sleep(500);
      }
    })();
    await Promise.all([work().finally(() => (ended = true)), writing]);
    return ids;
  }

  it("promise 1: the last request on an old container precedes its SIGTERM; scaling down loses nothing", async () => {
    const service = project.known.behind(driver.paths.light);
    const scaled = project.known.internally[0]!.name;
    const [old] = await project.running(service.name);
    const address = `${await addressOn(old!, "app")}:${service.port}`;
    const since = Math.floor(await engineNow());
    await stack.lossless(async () => {
      project.set(scaled, { replicas: 1 });
      project.environment(service.name, { RELEASE: Date.now() });
      await good(project.up());
    });
    const term = await signalled(old!, since);
    const log = await docker("logs", "--since", String(since), await project.container("edge"));
    const ends = log
      .split("\n")
      .filter((line) => line.includes(`"${address}"`))
      .map((line) => Number((JSON.parse(line) as { end: string }).end));
    assert.ok(ends.length > 50, `${ends.length} requests on ${address}`);
    const last = Math.max(...ends);
    assert.ok(last * 1e9 < term, `a request ended at ${last}, SIGTERM at ${term / 1e9}`);
    assert.equal((await project.running(scaled)).length, 1);
  });

  it("promise 2: a change of the edge's configuration reloads it, never replaces it, and loses nothing", async () => {
    const edge = await project.running("edge");
    await stack.lossless(async () => {
      project.edit("edge/nginx.conf", (text) =>
        text.replace(/client_max_body_size \d+m;/, "client_max_body_size 11m;"),
      );
      await good(project.up());
    });
    assert.deepEqual(await project.running("edge"), edge);
    assert.match(await stack.read(edge[0]!, "/live/current/nginx.conf"), /client_max_body_size 11m/);
  });

  it("promise 2: a new image of the edge itself costs seconds at most, and what it costs is said", async () => {
    const edge = await project.containers("edge");
    const report = await stack.underLoad(async () => {
      project.edit("services/edge/Dockerfile", (text) => `${text}ENV EDGE_RELEASE=${Date.now()}\n`);
      await good(project.up());
      await eventually(() => stack.isReady());
    });
    assert.notDeepEqual(await project.containers("edge"), edge);
    const failed = report.sent - report.ok;
    console.log(`      ${cost(report)}; ${JSON.stringify(report.failures)}`);
    // The one release that is not lossless: the host's port changes hands.
    assert.ok(failed < (report.sent / report.seconds) * 10, `${failed} failed`);
    await keptOnce(stack, driver.effects.direct, report.acknowledged);
  });

  inAll("promise 1: what a release of the image costs is the same for every image that users reach", async () => {
    const images = [...new Set(project.known.publicly.map(({ name }) => project.known.imageOf(name)))];
    for (const image of images.filter((name) => name in driver.sources))
      await stack.lossless(async () => {
        touch(image);
        await good(project.up());
      });
  });
}

function cost({ sent, ok, seconds, slowSent, slowOk }: LoadReport): string {
  const failed = sent - ok;
  const away = Math.round((failed / sent) * seconds * 1000);
  return `${failed} of ${sent} requests (about ${away} ms), ${slowSent - slowOk} of ${slowSent} slow ones`;
}

/** When a container got SIGTERM, in nanoseconds of the engine's clock. */
async function signalled(container: string, since: number): Promise<number> {
  const times = ["--since", String(since), "--until", String(Math.ceil(await engineNow()))];
  const filters = ["--filter", `container=${container}`, "--filter", "event=kill"];
  const format = "{{.TimeNano}} {{.Actor.Attributes.signal}}";
  const kills = await docker("events", ...times, ...filters, "--format", format);
  const term = kills.split("\n").find((line) => line.endsWith(" 15"));
  assert.ok(term, `no SIGTERM in ${kills}`);
  return Number(term.split(" ")[0]);
}
