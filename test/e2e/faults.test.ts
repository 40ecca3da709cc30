/** Faults while the system is written to: what users see is controlled, what was acknowledged is there once, and nothing is mended by hand. */
import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { Client } from "./client.ts";
import { Events, FULL, running } from "./engine.ts";
import { good, Serving, type UnderLoad } from "./serving.ts";
import { command, docker, eventually, sleep } from "./support.ts";
import type { LoadReport, Write } from "../load/load.ts";
import { Clocks } from "./clocks.ts";
import { Disk, kill, killAll, killJobs, loss } from "./inject.ts";
import { account, controlled, type Effect, kept, Restarts } from "./ledger.ts";

const STACK = "e2e-faults";
const OFF = ["sms-router", "alertmanager"];
/** Uid of both databases. */
const DATABASE = 999;
/** Milliseconds after which there is no answer: DB_POOL_TIMEOUT, berth:postgres.statementTimeout, and what the edge needs. */
const LIMIT = 25_000;
const SLOW_WRITES = 4;
const LOSS = 0.2;

const task = (id: string): Write => ({ path: "/v1/messages", body: { id, text: `task: ${id}` } });

describe("faults under write load", function () {
  this.timeout(300_000);
  const disk = new Disk();
  const serving = new Serving({
    stack: STACK,
    portOffset: 14000,
    config: {
      "berth:off": OFF,
      "berth:settle": 0,
      "berth:postgres": { device: `${disk.path}/postgres`, statementTimeout: 10 },
      "berth:services": {
        // The limit is counted, in Redis, but never reached.
        api: { replicas: 2, environment: { RATE_LIMIT_PER_MINUTE: 1_000_000, JWT_ACCESS_TTL: 86_400 } },
        worker: { replicas: 2 },
      },
    },
  });
  const { project } = serving;
  const [postgres, redis] = ["postgres", "redis"].map((name) => `assistant-${STACK}-${name}`) as [string, string];
  const restarts = new Restarts(serving);

  before(async () => {
    disk.mount(512);
    disk.folder("postgres", DATABASE);
    // The catalogue names a folder for PostgreSQL only; a volume of the right name is adopted.
    await docker(
      "volume",
      "create",
      "--label",
      `berth.stack=${STACK}`,
      "--label",
      "berth.keep=data",
      "--opt",
      "type=none",
      "--opt",
      "o=bind",
      "--opt",
      `device=${disk.folder("redis", DATABASE)}`,
      `${redis}-data`,
    );
    await serving.start();
  });
  after(async () => {
    await project.remove();
    disk.remove();
  });

  /** Everything is written and read again, and jobs run, without anybody having done a thing. */
  const recovered = async (seconds = 60): Promise<number> => {
    const began = Date.now();
    let good = 0;
    await eventually(async () => {
      try {
        for (const { status } of [
          await serving.client.post("/v1/events", { id: randomUUID(), payload: {} }),
          await serving.client.get("/v1/tasks"),
          await serving.client.get("/ready"),
        ])
          assert.ok(status < 300, String(status));
        good += 1;
      } catch (error) {
        good = 0;
        throw error;
      }
      assert.ok(good >= 5);
    }, seconds);
    return Date.now() - began;
  };

  interface Fault extends UnderLoad {
    /** Does it, and takes it away again. */
    readonly strike: () => Promise<void>;
    readonly effect?: Effect;
    /** Restarts that come of it, by service; "few" of PostgreSQL, where it cannot start until the fault is over. */
    readonly restarts?: Readonly<Record<string, number>> | "few";
    /** How it is known that it did something. @default requests failed */
    readonly bit?: (report: LoadReport) => boolean;
  }
  /** A fault under load, to its end: answers, rows, restarts. */
  async function suffers({
    strike,
    effect = "events",
    restarts: expected = {},
    bit = ({ failures }) => Object.keys(failures).length > 0,
    ...load
  }: Fault): Promise<LoadReport> {
    await restarts.begin();
    let back = 0;
    const report = await serving.underLoad(
      async () => {
        await strike();
        back = await recovered();
      },
      { slow: 0, posts: 0.75, share: 0.5, timeout: LIMIT, ...load },
    );
    // Jobs are accepted at once, and done a little later.
    const found = await eventually(() => kept(serving, effect, report.acknowledged), effect === "events" ? 0 : 60);
    const failed = Object.entries(report.failures)
      .map(([what, count]) => `${what}: ${count}`)
      .join(", ");
    console.log(
      `      ${found.acknowledged} acknowledged, ${found.found} found, 0 doubled; of ${report.sent} requests ${report.sent - report.ok} failed (${failed || "none"}); longest ${report.longest} ms; back after ${back} ms`,
    );
    controlled(report);
    assert.ok(bit(report), "the fault was not felt");
    const { postgres: again = 0, ...others } = await restarts.since();
    if (expected === "few")
      assert.ok(again > 0 && again < 10 && Object.keys(others).length === 0, JSON.stringify({ again, ...others }));
    else assert.deepEqual({ ...others, ...(again ? { postgres: again } : {}) }, expected);
    return report;
  }

  describe("the checks themselves", () => {
    it("report a row that is gone, and one that was written twice (negative control)", async () => {
      const ids = Array.from({ length: 3 }, () => randomUUID());
      for (const id of [...ids, ids[2]])
        assert.equal((await serving.client.post("/v1/events", { id, payload: {} })).status, 201);
      await serving.query(`DELETE FROM events WHERE id = '${ids[1]}';`);
      const { lost, doubled } = await account(serving, "events", ids);
      assert.deepEqual([lost, doubled], [[ids[1]], [ids[2]]]);
      await assert.rejects(kept(serving, "events", ids), /1 lost, 1 doubled of 3/);
    });
    it("report a job that ran twice, and one that never did (negative control)", async () => {
      const id = randomUUID();
      const { body } = await serving.client.post("/v1/messages", task(id).body);
      await eventually(() => kept(serving, "tasks", [id]));
      await assert.rejects(kept(serving, "tasks", [id, randomUUID()]), /1 lost, 0 doubled of 2/);
      const job = (body as { job_id: string }).job_id;
      await serving.query(
        `UPDATE jobs SET state = 'queued', announced_at = now() - interval '1 h' WHERE id = '${job}';`,
      );
      for (const [effect, one] of [
        ["tasks", id],
        ["jobs", job],
      ] as const)
        await eventually(() => assert.rejects(kept(serving, effect, [one]), /0 lost, 1 doubled of 1/));
    });
    it("report a page of the server, and a connection that is refused (negative control)", async () => {
      const tooBig = await serving.underLoad(() => sleep(0), {
        slow: 0,
        posts: 1,
        share: 0.05,
        write: () => ({ path: "/v1/events", body: { payload: "x".repeat(11 << 20) } }),
      });
      assert.throws(() => controlled(tooBig), /413/);
      assert.throws(() => controlled({ failures: { "POST fresh: ECONNREFUSED": 1 } }));
    });
    it("report a container that is started again (negative control)", async () => {
      await restarts.begin();
      await killAll(await running(project, "agent"));
      await eventually(async () => assert.deepEqual(await restarts.since(), { agent: 1 }));
      await recovered();
    });
    it("report rows that PostgreSQL acknowledged before it had written them (negative control)", async () => {
      const set = async (...how: string[]) => {
        for (const one of how) await serving.query(`ALTER SYSTEM ${one};`);
        await serving.query("SELECT pg_reload_conf();");
      };
      await set("SET synchronous_commit = off", "SET wal_writer_delay = '10s'");
      try {
        const report = await serving.underLoad(
          async () => {
            await sleep(2000);
            await killAll(postgres);
            await recovered();
          },
          { slow: 0, posts: 0.75, share: 0.5, timeout: LIMIT },
        );
        const { acknowledged, lost } = await account(serving, "events", report.acknowledged);
        console.log(`      ${lost.length} of ${acknowledged} lost`);
        await assert.rejects(kept(serving, "events", report.acknowledged), /[1-9]\d* lost, 0 doubled/);
      } finally {
        await eventually(() => set("RESET synchronous_commit", "RESET wal_writer_delay"));
      }
    });
  });

  it("PostgreSQL killed: its connections, its main process, all of it", async () => {
    await suffers({
      restarts: { postgres: 2 },
      strike: async () => {
        assert.ok((await kill(postgres, /^postgres: app_/)) > 0);
        await sleep(6000);
        assert.equal(await kill(postgres, /^(\S+\/)?postgres -c/), 1);
        await sleep(11_000);
        await killAll(postgres);
      },
    });
  });

  it("Redis killed twice: what was accepted is done, and nothing twice", async () => {
    await suffers({
      effect: "tasks",
      write: task,
      share: 0.12,
      restarts: { redis: 2 },
      bit: () => true,
      strike: async () => {
        const jobs: string[] = [];
        for (let round = 0; round < 2; round++) {
          for (let i = 0; i < 4; i++) jobs.push(await accepted(3));
          await killAll(redis);
          jobs.push(await accepted(0));
          await sleep(11_000);
        }
        await eventually(() => kept(serving, "jobs", jobs), 90);
      },
    });
    // What it cannot read of its own log at a start it leaves out, and says so.
    assert.doesNotMatch(await docker("logs", redis), /NOPERM/);
  });

  it("Redis away while every worker's jobs end: messages are accepted meanwhile, and the workers go on once it is back", async () => {
    const { failures } = await suffers({
      effect: "tasks",
      write: task,
      share: 0.12,
      bit: ({ longest }) => longest > 500,
      strike: async () => {
        const jobs: string[] = [];
        for (let i = 0; i < 4; i++) jobs.push(await accepted(6));
        await busy(6);
        await docker("stop", redis);
        await sleep(8000);
        await docker("start", redis);
        jobs.push(await accepted(0));
        await eventually(() => kept(serving, "jobs", jobs), 30);
      },
    });
    assert.deepEqual(failures, {});
  });

  /** Both workers are busy with jobs of so many seconds. */
  const busy = (delay: number) =>
    eventually(async () =>
      assert.equal(
        await serving.query(`SELECT count(*) FROM jobs WHERE state = 'running' AND (args->>'delay')::float = ${delay}`),
        "4",
      ),
    );
  /** A job that takes so many seconds. */
  async function accepted(delay: number): Promise<string> {
    const { status, body } = await serving.client.post("/v1/jobs", { kind: "summarise", text: "One. Two.", delay });
    assert.equal(status, 202, JSON.stringify(body));
    return (body as { id: string }).id;
  }

  it("a worker killed in the middle of a job: the job is done again, once", async () => {
    const jobs: string[] = [];
    await suffers({
      effect: "tasks",
      write: task,
      share: 0.12,
      restarts: { worker: 1 },
      bit: () => true,
      strike: async () => {
        for (let i = 0; i < 4; i++) jobs.push(await accepted(15));
        await busy(15);
        const [one, two] = await project.running("worker");
        // The children of one, which its main process replaces; the other as a whole.
        assert.ok((await killJobs(one!)) > 0);
        await killAll(two!);
        await sleep(5000);
      },
    });
    await eventually(
      async () =>
        assert.equal(
          await serving.query(
            `SELECT state, attempts, count(*) FROM jobs WHERE id IN (${jobs.map((id) => `'${id}'`).join(",")}) GROUP BY 1, 2`,
          ),
          `done|2|${jobs.length}`,
        ),
      60,
    );
  });

  it("a full data disk: writes are refused, reads go on, and freed space is all that it takes", async () => {
    let [read, refused] = [0, 0];
    await suffers({
      strike: async () => {
        // A fresh file of its log, or it might need the next one within these seconds: that is the next test.
        await serving.query("SELECT pg_switch_wal();");
        await sleep(1000);
        disk.fill();
        try {
          const end = Date.now() + 15_000;
          while (Date.now() < end) {
            await sleep(500);
            if (
              (
                await serving.client.post("/v1/events", {
                  id: randomUUID(),
                  payload: { text: randomBytes(6000).toString("base64") },
                })
              ).status === 503
            )
              refused += 1;
            assert.equal((await serving.client.get("/v1/tasks")).status, 200);
            read += 1;
          }
        } finally {
          disk.free();
        }
      },
    });
    console.log(`      ${read} reads answered while ${refused} writes were refused`);
    assert.ok(refused > 0);
  });

  if (FULL)
    it("a data disk so full that PostgreSQL cannot go on with its log: nothing is answered from data until there is room, and nothing is lost", async () => {
      await suffers({
        restarts: "few",
        strike: async () => {
          disk.fill();
          try {
            await eventually(async () => {
              await serving.query("SELECT pg_switch_wal();");
              assert.equal((await serving.client.get("/v1/tasks")).status, 503);
            });
            await sleep(5000);
          } finally {
            disk.free();
          }
        },
      });
    });

  it("a slow disk: writes wait, or are refused in time", async () => {
    await suffers({
      bit: ({ longest }) => longest > 1000,
      strike: async () => {
        const end = await disk.slow(postgres, SLOW_WRITES);
        await sleep(15_000);
        end();
      },
    });
  });

  it("packets lost between the tiers: one in five", async () => {
    await suffers({
      bit: ({ longest }) => longest > 200,
      strike: async () => {
        const ends = await Promise.all(
          [...(await project.running("api")), postgres].map((container) => loss(container, LOSS)),
        );
        await sleep(15_000);
        for (const end of ends) end();
      },
    });
  });

  it("an api out of memory: it alone ends, and the other answers", async () => {
    const [one] = await project.running("api");
    const watch = await Events.watch("{{.Action}} {{.Actor.Attributes.name}}", "event=oom");
    // What the edge lets through, sent to one replica: ten megabytes of JSON are a quarter of a gigabyte of objects.
    const greedy = `
import concurrent.futures, sys, urllib.request
body = b'{"id":"00000000-0000-4000-8000-000000000000","payload":{"a":[' + b",".join([b"{}"] * 3_400_000) + b"]}}"
ask = lambda _: urllib.request.urlopen(urllib.request.Request("http://127.0.0.1:8000/v1/events", body, {"authorization": "Bearer " + sys.argv[1], "content-type": "application/json"}))
list(concurrent.futures.ThreadPoolExecutor(8).map(ask, range(8)))`;
    let answered = 0;
    await suffers({
      restarts: { api: 1 },
      bit: () => true,
      strike: async () => {
        const { code, output } = await command("docker", ["exec", one!, "python", "-c", greedy, serving.client.token]);
        assert.notEqual(code, 0, output);
        for (; answered < 20; answered++) assert.equal((await serving.client.get("/v1/version")).status, 200);
      },
    });
    assert.ok(
      (await watch.stop()).some((line) => line.endsWith(one!)),
      "nothing ran out of memory",
    );
  });

  for (const skew of FULL ? [300, -300] : [300])
    it(`a replica and a worker whose clock is off by ${skew} s: log-ins, pushed events and jobs are as ever`, async () => {
      const clocks = new Clocks(project, skew);
      try {
        await clocks.start();
        const there = await new Client(clocks.api).enter(`clock${skew}@example.org`);
        const { headers, status } = await there.get("/v1/users/me");
        assert.equal(status, 200);
        const off = (Date.parse(headers.get("date")!) - Date.now()) / 1000;
        assert.ok(Math.abs(off - skew) < 10, `its clock is off by ${off} s`);
        // What one signs, the others accept.
        const here = new Client(serving.edge);
        here.token = there.token;
        assert.equal((await here.get("/v1/users/me")).status, 200);
        there.token = serving.client.token;
        assert.equal((await there.get("/v1/users/me")).status, 200);
        // What is stored here is pushed there.
        const id = randomUUID();
        const pushed = await clocks.stream(there.token);
        assert.equal((await serving.client.post("/v1/events", { id, payload: {} })).status, 201);
        await eventually(() => Promise.resolve(assert.ok(pushed().includes(id), "the event was not pushed")), 10);
        const jobs: string[] = [];
        await suffers({
          effect: "tasks",
          write: task,
          share: 0.12,
          bit: () => true,
          strike: async () => {
            for (let i = 0; i < 12; i++) jobs.push(await accepted(1));
            await sleep(5000);
          },
        });
        await eventually(() => kept(serving, "jobs", jobs), 60);
        assert.ok((await clocks.workerLog()).includes("job done"), "its worker had nothing to do");
      } finally {
        await clocks.remove();
      }
    });

  it("afterwards everything is healthy, and there is nothing to change", async () => {
    await eventually(async () => {
      const states = (
        await docker("ps", "-a", "--filter", `label=berth.stack=${STACK}`, "--format", "{{.Names}} {{.Status}}")
      )
        .split("\n")
        .filter((line) => !line.includes("-seed-"));
      assert.deepEqual(
        states.filter((state) => !state.includes("(healthy)")),
        [],
      );
    }, 60);
    const { code, output } = await project.pulumi("preview", "--stack", STACK, "--expect-no-changes");
    assert.equal(code, 0, output);
    await good(project.refresh());
    const { output: up } = await project.up();
    assert.match(up, /Resources:\s+\d+ unchanged\s/);
  });
});
