/** Nothing lost: releases under load, through the plain CLI. The load and what counts as a failure: test/load/load.ts. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { Load, type LoadReport } from "../load/load.ts";
import { Client } from "../e2e/client.ts";
import { docker, eventually, Project, type Result, sleep } from "../e2e/support.ts";

const OFFSET = 22000;
const EDGE = `http://127.0.0.1:${8000 + OFFSET}`;
const STACK = "e2e-release";
/** Releases in a row. CI runs a few of each kind; `npm run soak` many. */
const RELEASES = Number(process.env["BERTH_RELEASES"] ?? 5);

describe("a release under load", function () {
  this.timeout(1_200_000);
  // Stage's shape: built images, no source mounts; nothing else of this machine's is asked for.
  const project = new Project({
    stack: STACK, portOffset: OFFSET, config: {
      "berth:imageTarget": "runtime", "berth:sourceMounts": false, "berth:debug": false, "berth:logLevel": "INFO", "berth:settle": 3, "berth:waitTimeout": 50,
      "berth:services": { api: { replicas: 2, environment: { RATE_LIMIT_PER_MINUTE: 0 } } },
    },
  });
  let client: Client;

  before(async () => {
    await project.pulumi("stack", "select", STACK, "--create");
    const { code, output } = await project.up();
    assert.equal(code, 0, output);
    client = await new Client(EDGE).enter("load@example.org");
  });
  after(() => project.remove());

  const services = () => (project.config["berth:services"] ?? {}) as Record<string, Record<string, unknown>>;
  const set = (service: string, values: Record<string, unknown>) =>
    project.configure({ "berth:services": { ...services(), [service]: { ...services()[service], ...values } } });
  const environment = (service: string, values: Record<string, unknown>) =>
    set(service, { environment: { ...services()[service]?.["environment"] as object, ...values } });

  async function underLoad(work: () => Promise<void>, slow = 8): Promise<LoadReport> {
    const load = new Load({ url: EDGE, token: client.token, slow }).start();
    await sleep(2000);
    try { await work(); } finally { await sleep(2000); }
    return load.stop();
  }
  async function good(result: Promise<Result>): Promise<void> {
    const { code, output } = await result;
    assert.equal(code, 0, output);
  }

  /** Each acknowledged POST is there, and ran once. */
  async function countEvents({ acknowledged }: LoadReport): Promise<{ doubled: number; missing: number }> {
    const ids = acknowledged.map((id) => `'${id}'`).join(",");
    // By standard input: thousands of ids are too long for a command line.
    const query = execFile("docker", ["exec", "-i", `assistant-${STACK}-postgres`, "psql", "-qAtX", "-U", "postgres", "-d", "pa_dev"]);
    query.stdin!.end(`SELECT count(*) FILTER (WHERE attempts > 1), ${acknowledged.length} - count(*) FROM events WHERE id IN (${ids || "NULL"});`);
    let rows = "";
    for await (const chunk of query.stdout!) rows += String(chunk);
    const [doubled, missing] = rows.split("|").map(Number) as [number, number];
    return { doubled, missing };
  }
  async function assertLossless(report: LoadReport): Promise<void> {
    assert.deepEqual(report.failures, {}, JSON.stringify({ ...report, acknowledged: report.acknowledged.length }));
    assert.equal(report.ok, report.sent);
    assert.equal(report.slowOk, report.slowSent);
    assert.ok(report.sent > 500 && report.acknowledged.length > 50, `${report.sent} sent`);
    assert.deepEqual(await countEvents(report), { doubled: 0, missing: 0 });
    console.log(`      ${report.sent} requests, ${report.slowSent} slow, 0 failed, 0 doubled; p50 ${report.p50} ms, p99 ${report.p99} ms`);
  }

  it("promise 1: a plain restart loses requests (negative control)", async () => {
    const names = [...(await project.containers("api")).keys()].filter((name) => !name.includes("-seed-"));
    const report = await underLoad(async () => { await docker("kill", ...names); await docker("start", ...names); await sleep(3000); });
    assert.notDeepEqual(report.failures, {});
    await eventually(async () => assert.equal((await client.get("/ready")).status, 200));
  });

  it(`promise 1: ${RELEASES} releases of the api in a row (environment, image, secret, limits) lose nothing`, async () => {
    const kinds: (() => void | Promise<void>)[] = [
      () => { environment("api", { RELEASE: Date.now() }); },
      () => { project.edit("services/assistant/src/apps/fastapi_app/main.py", (text) => `${text}# release ${Date.now()}\n`); },
      () => project.setSecret("postgresPassword", `rotated-${Date.now()}-rotated`),
      () => { set("api", { memory: `${400 + Date.now() % 100}MiB` }); },
      () => project.setSecret("jwtSigningKey", `another-key-that-is-long-enough-${Date.now()}`),
    ];
    await assertLossless(await underLoad(async () => {
      for (let i = 0; i < RELEASES; i++) { await kinds[i % kinds.length]!(); await good(project.up()); }
    }, 20));
  });

  it("promise 1: the last request on an old container precedes its SIGTERM", async () => {
    const [old] = [...(await project.containers("api")).keys()].filter((name) => !name.includes("-seed-"));
    const address = await docker("inspect", "--format", `{{range $name, $network := .NetworkSettings.Networks}}{{if (eq (slice $name 0 ${`assistant-${STACK}-app`.length}) "assistant-${STACK}-app")}}{{$network.IPAddress}}{{end}}{{end}}`, old!);
    const since = Math.floor(Date.now() / 1000);
    await assertLossless(await underLoad(async () => { environment("api", { RELEASE: Date.now() }); await good(project.up()); }));
    const kills = await docker("events", "--since", String(since), "--until", String(Math.floor(Date.now() / 1000)), "--filter", `container=${old}`, "--filter", "event=kill", "--format", "{{.TimeNano}} {{.Actor.Attributes.signal}}");
    const term = kills.split("\n").find((line) => line.endsWith(" 15"));
    assert.ok(term, `no SIGTERM in ${kills}`);
    const log = await docker("logs", "--since", String(since), `assistant-${STACK}-edge`);
    const ends = log.split("\n").filter((line) => line.includes(`"${address}:8000"`)).map((line) => Number((JSON.parse(line) as { end: string }).end));
    assert.ok(ends.length > 50, `${ends.length} requests on ${address}`);
    assert.ok(Math.max(...ends) * 1e9 < Number(term.split(" ")[0]), `a request ended at ${Math.max(...ends)}, SIGTERM at ${term}`);
  });

  it("promise 1: scaling 1 → 3 → 1, and releases of agent, sms-router and worker lose nothing", async () => {
    const jobs: string[] = [];
    await assertLossless(await underLoad(async () => {
      for (const replicas of [3, 1]) { set("agent", { replicas }); await good(project.up()); }
      for (let i = 0; i < 6; i++) jobs.push(((await client.post("/v1/jobs", { kind: "summarise", text: "One. Two.", delay: 4 })).body as { job_id?: string; id?: string }).job_id!);
      for (const service of ["sms-router", "worker"]) environment(service, { RELEASE: Date.now() });
      const messages = (async () => { for (let i = 0; i < 20; i++) { assert.ok((await client.post("/v1/messages", { text: `note ${i}` })).status < 300); await sleep(500); } })();
      await good(project.up());
      await messages;
    }));
    // No job is lost, and none ran twice.
    await eventually(async () => {
      const rows = await docker("exec", `assistant-${STACK}-postgres`, "psql", "-qAtX", "-U", "postgres", "-d", "pa_dev", "-c", "SELECT state, attempts, count(*) FROM jobs WHERE kind = 'summarise' GROUP BY 1, 2");
      assert.equal(rows, `done|1|${jobs.length}`);
    }, 60);
  });

  it("promise 2: a change of the edge's configuration reloads it, never replaces it, and loses nothing", async () => {
    const edge = await project.containers("edge");
    await assertLossless(await underLoad(async () => {
      project.edit("edge/nginx.conf", (text) => text.replace("client_max_body_size 10m;", "client_max_body_size 11m;"));
      await good(project.up());
    }));
    assert.deepEqual(await project.containers("edge"), edge);
    assert.match(await docker("exec", `assistant-${STACK}-edge`, "cat", "/live/current/nginx.conf"), /client_max_body_size 11m/);
  });

  /** A release that must fail, twice over, while the old version serves everything. */
  async function failsClosed(change: () => void | Promise<void>, culprit: RegExp): Promise<void> {
    const before = await project.containers("api");
    const routes = await docker("exec", `assistant-${STACK}-edge`, "cat", "/live/current/upstreams");
    await assertLossless(await underLoad(async () => {
      await change();
      // Twice: the provider's own answer to a second attempt is to call the first one good.
      for (const attempt of [1, 2]) {
        const { code, output } = await project.up();
        assert.notEqual(code, 0, `attempt ${attempt} was accepted:\n${output}`);
        assert.match(output, culprit);
      }
      for (const [name, id] of before) assert.equal((await project.containers("api")).get(name), id, `${name} is gone`);
      assert.equal(await docker("exec", `assistant-${STACK}-edge`, "cat", "/live/current/upstreams"), routes);
    }));
  }
  async function recovers(): Promise<void> {
    await good(project.up());
    const state = await project.state();
    const known = new Set(state.deployment.resources.filter((resource) => resource.type === "docker:index/container:Container").map((resource) => resource.id));
    for (const [name, id] of await project.containers()) assert.ok(known.has(id), `${name} was left behind`);
  }

  it("promise 3: a configuration that nginx refuses stops at the rehearsal", async () => {
    await failsClosed(() => { project.edit("edge/nginx.conf", (text) => text.replace("server_tokens off;", "server_tokens perhaps;")); }, /invalid value "perhaps"|edge-routes/);
    project.edit("edge/nginx.conf", (text) => text.replace("server_tokens perhaps;", "server_tokens off;"));
    await recovers();
  });

  it("promise 3: a release that never gets healthy leaves the old one serving, and shows its last words", async () => {
    await failsClosed(() => { environment("api", { DB_POOL_SIZE: "many" }); }, /DB_POOL_SIZE/);
    environment("api", { DB_POOL_SIZE: 5 });
    await recovers();
  });

  it("promise 3: an image that does not build changes nothing", async () => {
    await failsClosed(() => { project.edit("services/assistant/Dockerfile", (text) => text.replace("FROM base AS runtime", "FROM base AS runtime\nRUN exit 7")); }, /exit code: 7|returned a non-zero code: 7/);
    project.edit("services/assistant/Dockerfile", (text) => text.replace("\nRUN exit 7", ""));
    await recovers();
  });

  it("promise 3: a failing migration stops the release before any application is replaced", async () => {
    const file = "services/assistant/src/migrations/versions/9999_broken.py";
    await failsClosed(() => { project.write(file, "revision = '9999'\ndown_revision = '0002'\n\n\ndef upgrade():\n    raise RuntimeError('this migration is broken')\n\n\ndef downgrade():\n    pass\n"); }, /this migration is broken/);
    project.delete(file);
    await recovers();
  });

  it("promise 7: a hung replica leaves the routes, and its own health check has it restarted", async () => {
    const [name, id] = [...await project.containers("api")].find(([other]) => !other.includes("-seed-"))!;
    const started = () => docker("inspect", "--format", "{{.State.StartedAt}}", id);
    const before = await started();
    await docker("exec", "-u", "10001", id, "sh", "-c", "kill -STOP $(cat /proc/1/task/1/children)");
    await eventually(async () => assert.match(await docker("exec", `assistant-${STACK}-edge`, "cat", "/live/current/upstreams.conf"), new RegExp(`down; # ${name}`)), 30);
    assert.equal((await client.get("/v1/version")).status, 200);
    await eventually(async () => assert.notEqual(await started(), before), 60);
    await eventually(async () => assert.doesNotMatch(await docker("exec", `assistant-${STACK}-edge`, "cat", "/live/current/upstreams.conf"), /down;/), 60);
  });

  it("promise 7: a paused database is a controlled 503, and a 2xx again within seconds", async () => {
    const restarts = async () => docker("inspect", "--format", "{{.RestartCount}}", ...[...(await project.containers("api")).keys()].filter((other) => !other.includes("-seed-")));
    const before = await restarts();
    await docker("pause", `assistant-${STACK}-postgres`);
    try {
      await sleep(1000);
      for (let i = 0; i < 5; i++) {
        const began = Date.now();
        const { status, headers, body } = await client.get("/v1/tasks");
        assert.equal(status, 503, JSON.stringify(body));
        assert.ok(headers.get("retry-after"));
        assert.ok(Date.now() - began < 10_000, `${Date.now() - began} ms`);
        assert.doesNotMatch(JSON.stringify(body), /Traceback|psycopg/);
        await sleep(4000);
      }
    } finally { await docker("unpause", `assistant-${STACK}-postgres`); }
    await eventually(async () => assert.equal((await client.get("/v1/tasks")).status, 200), 10);
    assert.equal(await restarts(), before, "a restart storm");
  });
});
