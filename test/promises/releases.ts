/**
 * Promises 1 and 2: releases under load, through the plain CLI. The load, and
 * what counts as a failure: test/load/load.ts.
 */
import assert from "node:assert/strict";
import type { LoadReport } from "../load/load.ts";
import { inAll, inGate, OWN } from "../length.ts";
import { keptOnce } from "../stack/ledger.ts";
import { docker, engineNow, eventually, good, sleep } from "../stack/command.ts";
import { Events } from "../stack/engine.ts";
import { busily } from "../stack/inject.ts";
import { addressOn } from "../stack/reach.ts";
import type { World } from "../stack/world.ts";
import { routed } from "./healthy.ts";
import { certificateCleared } from "./monitoring.ts";

/** Releases in a row, in a long run. */
const ROW = Number(process.env["BERTH_RELEASES"] ?? 10);

/** What a release changes besides, in the same update. */
export interface Also {
  /** What it is, and what holds then: "promise 5: …". */
  readonly title: string;
  /** Asked before anything is changed. */
  readonly prepare: () => Promise<Besides>;
}
export interface Besides {
  readonly make: () => Promise<void>;
  /** @param others Services that the release replaces for reasons of its own. @throws {Error} unless all of it holds */
  readonly holds: (others: readonly string[]) => Promise<void>;
}

/** @param also For a suite of one system: one update proves there what the gate proves one by one. @default nothing */
export function releases(world: World, also?: Also): void {
  const { stack, canary, authority } = world;
  const { project, driver } = stack;
  /** The service that the load asks, and its image. */
  const front = () => project.known.behind(driver.paths.light);
  const image = (): string => project.known.imageOf(front().name);
  const touch = (which: string): void =>
    project.edit(driver.sources[which]!, (text) => `${text}# release ${Date.now()}\n`);
  /** As an operator's log keeps it. */
  const release = async (): Promise<void> =>
    world.say(
      "up with another image",
      await project.pulumi("up", "--json", "--yes", "--skip-preview", "--stack", project.stack),
    );
  /** A service that others call, and users do not; where there is none, the one that the load asks. */
  const inner = (): string => (project.known.internally[0] ?? front()).name;

  /** Containers that answer the load: one that a release left which failed is in no route. */
  async function answering(): Promise<string[]> {
    const [routes, all] = await Promise.all([stack.routes(), project.running(front().name)]);
    return all.filter((container) => routes.includes(container));
  }

  it("promise 1: a plain restart loses requests (negative control)", async () => {
    const names = await answering();
    const report = await stack.underLoad(async () => {
      await docker("kill", ...names);
      await docker("start", ...names);
      await eventually(() => stack.isReady());
    });
    assert.notDeepEqual(report.failures, {});
    // Whoever answers first, the others still start.
    for (const name of names)
      await eventually(async () =>
        assert.equal(await docker("inspect", "--format", "{{.State.Health.Status}}", name), "healthy"),
      );
    await routed(stack);
  });

  /** From now on, of one that answers the load: its last request precedes its SIGTERM. @returns what asks for that */
  async function outlived(): Promise<() => Promise<void>> {
    const [old] = await answering();
    const address = `${await addressOn(old!, "app")}:${front().port}`;
    const since = Math.floor(await engineNow());
    const kills = await Events.watch("{{.TimeNano}} {{.Actor.Attributes.signal}}", `container=${old}`, "event=kill");
    return async () => {
      const signals = await kills.stop();
      const term = Number(signals.find((line) => line.endsWith(" 15"))?.split(" ")[0]);
      assert.ok(term > 0, `no SIGTERM in ${signals.join(", ")}`);
      const log = await docker("logs", "--since", String(since), await project.container("edge"));
      const ends = log
        .split("\n")
        .filter((line) => line.includes(`"${address}"`))
        .map((line) => Number((JSON.parse(line) as { end: string }).end));
      assert.ok(ends.length > 50, `${ends.length} requests on ${address}`);
      const last = Math.max(...ends);
      assert.ok(last * 1e9 < term, `a request ended at ${last}, SIGTERM at ${term / 1e9}`);
    };
  }

  /** Whatever else runs on the machine, the same is promised of every system. */
  const [beside, busy] = OWN
    ? [<T>(work: () => Promise<T>) => work(), ""]
    : [busily, ", and other programs take all they get"];
  const title =
    "promise 1, promise 13: another image of every application, another environment and limit, one of them three times, " +
    `while jobs are at work${busy}; the last request on an old container precedes its SIGTERM`;
  const { what, through = (_: unknown, work: () => Promise<unknown>) => work() } = driver.amid ?? {};
  it([title, also?.title, what].filter(Boolean).join("; "), async () => {
    const { jobs } = driver;
    const before = await project.byService();
    const replaced = project.known.running(image());
    const ids: string[] = [];
    let written: string[] = [];
    const change = await also?.prepare();
    const inTime = await outlived();
    const work = async (): Promise<void> => {
      // Half a minute of work for one worker: some of it goes on when the next worker takes over.
      for (let n = 0; n < 6; n++) ids.push(await jobs.begin(stack.session, 8));
      project.environment(front().name, { RELEASE: String(Date.now()) });
      project.set(front().name, { cpus: 1.25 });
      project.set(inner(), { replicas: 3 });
      touch(image());
      await change?.make();
      written = await writing(() => beside(release));
    };
    await through(stack, () => stack.lossless(work));
    // Not before the load has ended: on a busy machine its own jobs come in as fast as they are done.
    await keptOnce(stack, driver.effects.later, written);
    await inTime();
    await change?.holds(replaced);
    // Whatever failed before, nothing of it is left.
    await project.assertDeclared();
    const after = await project.byService();
    for (const name of replaced) assert.notDeepEqual(after[name], before[name], name);
    assert.equal(after[inner()]!.length, 3);
    // No job is lost, and none ran twice.
    await eventually(async () => {
      const done = await jobs.done(stack, ids);
      assert.deepEqual(Object.fromEntries(done), Object.fromEntries(ids.map((id) => [id, 1])));
    }, 60);
  });

  /** Writes what ends in a job, twice a second, while something is done. @returns the ids that were acknowledged */
  async function writing(work: () => Promise<unknown>): Promise<string[]> {
    let ended = false;
    const ids: string[] = [];
    const writes = async (): Promise<void> => {
      while (!ended) {
        const id = crypto.randomUUID();
        const { path, body } = driver.effects.later.write(id);
        const { status } = await stack.session.post(path, body);
        assert.ok(status < 300, `${path}: ${status}`);
        ids.push(id);
        await sleep(500);
      }
    };
    await Promise.all([work().finally(() => (ended = true)), writes()]);
    return ids;
  }

  inGate(
    "promise 2: another configuration and another certificate reload the edge and never replace it, no connection is cut; scaling down loses nothing",
    async () => {
      const edge = await project.running("edge");
      const shown = await authority.shown(stack.edge);
      await stack.lossless(async () => {
        project.set(inner(), { replicas: 1 });
        await world.setCertificate(await authority.issue("second", 30));
        project.edit("edge/nginx.conf", (text) =>
          text.replace(/client_max_body_size \d+m;/, "client_max_body_size 11m;"),
        );
        await good(project.up());
      });
      assert.deepEqual(await project.running("edge"), edge);
      assert.match(await stack.read(edge[0]!, "/live/current/nginx.conf"), /client_max_body_size 11m/);
      assert.equal((await project.running(inner())).length, 1);
      assert.deepEqual([shown, await authority.shown(stack.edge)], ["first", "second"]);
      await certificateCleared(world);
    },
  );

  inAll(
    "promise 2: a key that does not belong to its certificate is refused before anything is touched, twice; the site stays up",
    async () => {
      const shown = await authority.shown(stack.edge);
      const { key } = await authority.issue("third");
      const former = project.config["berth:tlsKey"];
      await stack.failsClosed(
        () => project.setSecret("tlsKey", key),
        [/berth:tlsKey: does not belong to berth:tlsCertificate/],
      );
      assert.equal(await authority.shown(stack.edge), shown);
      project.configure({ "berth:tlsKey": former });
      await stack.recovers();
    },
  );

  inGate("promise 2: a new image of the edge itself costs seconds at most, and what it costs is said", async () => {
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

  inAll(`promise 1: ${ROW} releases in a row (environment, image, limit, secret) lose nothing${busy}`, async () => {
    const kinds: readonly ((round: number) => void | Promise<void>)[] = [
      () => project.environment(front().name, { RELEASE: String(Date.now()) }),
      () => touch(image()),
      (round) => project.set(front().name, { cpus: round % 2 ? 1.25 : 1.5 }),
      ...[...driver.stores, ...driver.credentials].map(({ secret, by }) => async () => {
        // A key by which others are still known is rotated, or they are known no more.
        if (by === "rotate") await good(project.script("rotate", secret, project.stack));
        else await project.setSecret(secret, canary.value(secret));
      }),
    ];
    const row = async (): Promise<void> => {
      for (let n = 0; n < ROW; n++) {
        // Its token ends after a quarter of an hour.
        await stack.enter();
        const before = await project.byService();
        await kinds[n % kinds.length]!(Math.floor(n / kinds.length));
        await good(project.up());
        assert.notDeepEqual(await project.byService(), before, "nothing was released");
      }
    };
    await stack.lossless(() => beside(row), { slow: 20, share: 0.5 });
  });
}

function cost({ sent, ok, seconds, slowSent, slowOk }: LoadReport): string {
  const failed = sent - ok;
  const away = Math.round((failed / sent) * seconds * 1000);
  return `${failed} of ${sent} requests (about ${away} ms), ${slowSent - slowOk} of ${slowSent} slow ones`;
}
