/** The main job, end to end: from nothing to a running assistant, on the real CLI and engine. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { Client } from "./client.ts";
import { Events, idsBut, redis, traces } from "./engine.ts";
import { command, docker, eventually, Project, SMS, sleep } from "./support.ts";

const OFFSET = 20000;
const EDGE = `http://127.0.0.1:${8000 + OFFSET}`;
const UNCHANGED = /Resources:\s+\d+ unchanged\s/;

const EVENT = "{{.Type}} {{.Action}} {{.Actor.Attributes.name}}";
/** What the engine did, but for health checks. */
const changes = (events: readonly string[]): string[] =>
  events.filter((line) => !/ exec_(create|start|die)|health_status/.test(line));

describe("the main job", function () {
  this.timeout(1_200_000);
  const project = new Project({ stack: "e2e", portOffset: OFFSET, config: { "berth:settle": 2 } });
  const client = new Client(EDGE);

  before(async () => {
    await project.pulumi("stack", "select", "e2e", "--create");
    await project.setSecret("twilioAuthToken", SMS.token);
    await project.setSecret("twilioUserNumbers", JSON.stringify(SMS.numbers));
  });
  after(() => project.remove());

  describe("bin/up from nothing", () => {
    it("makes every container healthy, prints URLs that answer, and exits with 0", async () => {
      const { code, output } = await project.script("up", "e2e");
      assert.equal(code, 0, output);
      assert.match(output, /is up and healthy/);
      const states = (
        await docker("ps", "-a", "--filter", "label=berth.stack=e2e", "--format", "{{.Names}} {{.Status}}")
      )
        .split("\n")
        .filter((line) => !line.includes("-seed-"));
      assert.ok(states.length >= 12, states.join("\n"));
      for (const state of states) assert.match(state, /\(healthy\)/, state);
      const urls = await project.output<Record<string, string>>("urls");
      for (const [name, url] of Object.entries(urls)) {
        assert.ok(output.includes(url), `${url} was not printed`);
        if (url.startsWith("http")) assert.ok((await fetch(url)).status < 500, `${name}: ${url}`);
      }
      const ready = await client.get("/ready");
      assert.equal(ready.status, 200, JSON.stringify(ready.body));
    });

    it("has the documented outputs", async () => {
      assert.equal(await project.output("edgeUrl"), EDGE);
      const containers = await project.output<Record<string, string[]>>("containers");
      const running = await project.containers();
      for (const name of Object.values(containers).flat()) assert.ok(running.has(name), name);
      const images = await project.output<Record<string, string>>("images");
      assert.match(images["api"]!, /^sha256:[0-9a-f]{64}$/);
      const [newest] = readdirSync(join(project.dir, "services/assistant/src/migrations/versions"))
        .flatMap((file) => /^\d+/.exec(file) ?? [])
        .sort()
        .reverse();
      assert.equal(await project.output("schemaVersion"), newest);
    });

    it("scrapes every service within a minute", async () => {
      const { prometheus } = await project.output<Record<string, string>>("urls");
      await eventually(async () => {
        const { data } = (await (await fetch(`${prometheus}/api/v1/targets?state=active`)).json()) as {
          data: { activeTargets: { health: string; labels: { job: string }; lastError: string }[] };
        };
        const jobs = new Set(data.activeTargets.map((target) => target.labels.job));
        for (const job of [
          "api",
          "agent",
          "worker",
          "sms-router",
          "edge",
          "postgres-exporter",
          "redis-exporter",
          "node-exporter",
          "prometheus",
        ])
          assert.ok(jobs.has(job), `no target ${job}`);
        for (const target of data.activeTargets)
          assert.equal(target.health, "up", `${target.labels.job}: ${target.lastError}`);
      }, 60);
    });
  });

  describe("the assistant's own tests", () => {
    it("pass in the image that runs, against a database and a Redis of their own", async () => {
      const [name, started] = ["e2e-own-tests", new Set<string>()];
      const start = async (what: string, ...args: string[]) => {
        await docker(
          "run",
          "--detach",
          "--name",
          `${name}-${what}`,
          "--network",
          name,
          "--network-alias",
          what,
          ...args,
        );
        started.add(`${name}-${what}`);
      };
      await docker("network", "create", "--internal", name);
      try {
        await start(
          "postgres",
          "--env",
          "POSTGRES_HOST_AUTH_METHOD=trust",
          "--env",
          "POSTGRES_DB=tests",
          "pgvector/pgvector:pg17",
        );
        await start("redis", "redis:8.0");
        await eventually(() => docker("exec", `${name}-postgres`, "pg_isready", "-q", "-h", "127.0.0.1"), 60);
        const { api } = await project.output<Record<string, string>>("images");
        const { code, output } = await command("docker", [
          "run",
          "--rm",
          "--network",
          name,
          "--env",
          "DATABASE_URL=postgresql://postgres@postgres:5432/tests",
          "--env",
          "REDIS_URL=redis://redis:6379/0",
          "--env",
          "REQUIRE_SERVICES=1",
          api!,
          "python",
          "-m",
          "pytest",
          "-q",
          "-p",
          "no:cacheprovider",
          "tests",
        ]);
        assert.equal(code, 0, output);
        assert.match(output, /\b[1-9]\d+ passed/);
        assert.doesNotMatch(output, /skipped|deselected/);
      } finally {
        for (const container of started) await docker("rm", "--force", "--volumes", container);
        await docker("network", "rm", name);
      }
    });
  });

  describe("a request", () => {
    const user = new Client(EDGE);
    before(() => user.enter("trace@example.org"));

    it("has one id, which is the trace's too, in the lines of edge, api and agent", async () => {
      const request = randomUUID().replaceAll("-", "");
      const { headers } = await user.call("POST", "/v1/messages", { text: "help" }, { "x-request-id": request });
      assert.equal(headers.get("x-request-id"), request);
      await eventually(
        async () => assert.deepEqual(await traces(project, request, ["edge", "api", "agent"]), [request]),
        10,
      );
    });

    it("goes on with its caller's trace; what is none begins a new one", async () => {
      const given = "4bf92f3577b34da6a3ce929d0e0e4736";
      for (const [traceparent, goesOn] of [
        [`00-${given}-00f067aa0ba902b7-00`, true],
        [`00-${given}-00f067aa0ba902b7`, false],
        [`00-${given}-${"0".repeat(16)}-01`, false],
      ] as const) {
        const request = randomUUID();
        await user.call("GET", "/v1/tasks", undefined, { "x-request-id": request, traceparent });
        await eventually(async () => {
          const [trace, ...more] = await traces(project, request, ["edge", "api"]);
          assert.ok(more.length === 0 && /^(?!0{32})[0-9a-f]{32}$/.test(trace!), [trace, ...more].join(", "));
          assert.equal(trace === given, goesOn, traceparent);
        }, 10);
      }
    });
  });

  describe("a signed SMS", () => {
    const ann = new Client(EDGE);
    const ben = new Client(EDGE);
    const titles = async (user: Client) =>
      JSON.stringify([(await user.get("/v1/reminders")).body, (await user.get("/v1/tasks")).body]);
    before(async () => {
      await ann.enter("ann@example.org");
      await ben.enter("ben@example.org");
    });

    it("becomes a reminder that its user sees, and no other", async () => {
      const what = `call the harbour ${randomUUID()}`;
      const answer = await client.sms("+15550000001", `remind me tomorrow to ${what}`);
      assert.equal(answer.status, 200, String(answer.body));
      assert.match(String(answer.body), /<Response>/);
      await eventually(async () => assert.ok((await titles(ann)).includes(what)));
      assert.ok(!(await titles(ben)).includes(what));
    });

    it("with a wrong signature, from an unknown number, or without a token: 403, 404, 401, and nothing stored", async () => {
      const what = `steal the boat ${randomUUID()}`;
      const before = await titles(ann);
      assert.equal(
        (await client.sms("+15550000001", `remind me tomorrow to ${what}`, { signature: "AAAA" })).status,
        403,
      );
      assert.equal((await client.sms("+15558888888", `remind me tomorrow to ${what}`)).status, 404);
      assert.equal((await client.call("POST", "/v1/tasks", { title: what })).status, 401);
      await sleep(3000);
      assert.equal(await titles(ann), before);
      assert.ok(!(await titles(ben)).includes(what));
    });
  });

  describe("events", () => {
    it("are stored once, and every execution is counted", async () => {
      const user = await new Client(EDGE).enter("counter@example.org");
      const id = randomUUID();
      const send = () => user.post("/v1/events", { id, payload: { n: 1 } });
      assert.ok((await send()).status < 300);
      assert.equal(((await user.get(`/v1/events/${id}`)).body as { attempts: number }).attempts, 1);
      await send();
      assert.equal(((await user.get(`/v1/events/${id}`)).body as { attempts: number }).attempts, 2);
    });
  });

  describe("nothing changed", () => {
    it("a second up changes nothing", async () => {
      const ids = await project.containers();
      const { code, output } = await project.up();
      assert.equal(code, 0, output);
      assert.match(output, UNCHANGED);
      assert.deepEqual(await project.containers(), ids);
    });
    it("a refresh changes nothing, nor does the up after it", async () => {
      for (const { code, output } of [await project.refresh(), await project.up()]) {
        assert.equal(code, 0, output);
        assert.match(output, UNCHANGED, output);
      }
    });
    it("a preview touches nothing in the engine, even one that announces changes", async () => {
      project.configure({ "berth:logLevel": "WARNING" });
      const watch = await Events.watch(EVENT);
      const { code, output } = await project.preview();
      const events = changes(await watch.stop());
      project.configure({ "berth:logLevel": "DEBUG" });
      assert.equal(code, 0, output);
      assert.match(output, /to replace|replaced/);
      assert.deepEqual(events, []);
    });
    it("the engine's events do show an up (negative control)", async () => {
      const watch = await Events.watch(EVENT);
      await docker("rm", "-f", await docker("create", "--label", "berth.stack=e2e-control", "redis:8.0"));
      assert.ok(changes(await watch.stop()).length > 0);
    });
  });

  describe("a code change", () => {
    it("in the edge replaces the edge, its check and its routes, and nothing else", async () => {
      const before = await idsBut(project, ["edge", "edge-check", "edge-routes"]);
      const edge = await project.containers("edge");
      project.edit("services/edge/bin/edge-agent", (text) => `${text}# changed\n`);
      const { code, output } = await project.up();
      assert.equal(code, 0, output);
      assert.deepEqual(await idsBut(project, ["edge", "edge-check", "edge-routes"]), before);
      assert.notDeepEqual(await project.containers("edge"), edge);
      await eventually(async () => assert.equal((await client.get("/ready")).status, 200));
    });
    it("in the environment of one service replaces its container and the routes, and nothing else", async () => {
      const before = await idsBut(project, ["agent", "edge-routes"]);
      project.configure({ "berth:services": { agent: { environment: { RELEASE_NOTE: "second" } } } });
      const { code, output } = await project.up();
      assert.equal(code, 0, output);
      assert.deepEqual(await idsBut(project, ["agent", "edge-routes"]), before);
      assert.equal(
        (await project.containers("agent")).size,
        1 + [...(await project.containers("agent")).keys()].filter((name) => name.includes("seed")).length,
      );
      assert.equal((await client.get("/ready")).status, 200);
    });
  });

  describe("bad configuration", () => {
    it("is one report of every problem; the engine is untouched", async () => {
      const good = project.config;
      project.configure({
        "berth:colour": "blue",
        "berth:debug": "perhaps",
        "berth:ports": { ...(good["berth:ports"] as object), prometheus: 8000 },
        "berth:services": { api: { memory: "2 GB", replicas: 0 } },
      });
      const objects = await project.objects();
      const watch = await Events.watch(EVENT);
      const { code, output } = await project.up();
      const events = changes(await watch.stop());
      project.configure({ ...good, "berth:colour": undefined });
      assert.notEqual(code, 0);
      for (const part of [
        "berth:colour",
        "berth:debug",
        "berth:services.api.memory",
        "berth:services.api.replicas",
        "pulumi config set",
        "Nothing was touched",
      ])
        assert.ok(output.includes(part), `${part} is missing in:\n${output}`);
      assert.doesNotMatch(output, /\bat .*\.ts:\d+/);
      assert.deepEqual(events, []);
      assert.deepEqual(await project.objects(), objects);
    });
    it("clashing ports, a missing secret and a circle are refused too", async () => {
      const good = project.config;
      project.configure({ "berth:ports": { ...(good["berth:ports"] as object), prometheus: 8000, "edge-tls": 8443 } });
      const { code, output } = await project.up();
      project.configure(good);
      assert.notEqual(code, 0);
      assert.match(
        output,
        /berth:ports\.prometheus[\s\S]*berth:ports\.edge has|berth:ports\.edge[\s\S]*berth:ports\.prometheus has/,
      );
      const circle = new Project({ stack: "e2e-circle", portOffset: OFFSET + 1000 });
      circle.edit("systems/parts/postgres.ts", (text) =>
        text.replace('networks: ["data"], port: 5432', 'networks: ["data"], after: ["postgres-roles"], port: 5432'),
      );
      await circle.pulumi("stack", "select", "e2e-circle", "--create");
      const refused = await circle.up();
      await circle.remove();
      assert.notEqual(refused.code, 0);
      assert.match(refused.output, /wait for each other: .*postgres/);
    });
  });

  describe("a machine that is not ready", () => {
    it("no engine: says so, and how to start it", async () => {
      const { code, output } = await command("bash", ["-c", ". bin/lib.sh; engine_answers"], {
        cwd: project.dir,
        env: { DOCKER_HOST: "unix:///nowhere/docker.sock" },
      });
      assert.notEqual(code, 0);
      assert.match(output, /no Docker engine answers at unix:\/\/\/nowhere\/docker\.sock: start it/);
    });
    it("an engine without permission: says which group to join", async () => {
      await command("chmod", ["755", project.dir]);
      const { code, output } = await command(
        "setpriv",
        ["--reuid=65534", "--regid=65534", "--clear-groups", "bash", "-c", ". bin/lib.sh; engine_answers"],
        { cwd: project.dir, env: { HOME: "/tmp", USER: "nobody" } },
      );
      assert.notEqual(code, 0);
      assert.match(output, /refuses this user: add yourself to its group \(sudo usermod -aG docker nobody/);
    });
    it("a port that another program holds: names the key and the port; the next run goes through", async () => {
      const server = createServer().listen(9099 + OFFSET, "127.0.0.1");
      project.configure({ "berth:ports": { ...(project.config["berth:ports"] as object), prometheus: 9099 } });
      const refused = await project.script("up", "e2e");
      // The plain CLI finds out from the engine, later, and must recover as well.
      const plain = await project.up();
      await new Promise((resolve) => server.close(resolve));
      assert.notEqual(refused.code, 0);
      assert.match(refused.output, /berth:ports\.prometheus: port 29099 is held by another program/);
      assert.notEqual(plain.code, 0);
      assert.match(plain.output, /29099/);
      const recovered = await project.script("up", "e2e");
      assert.equal(recovered.code, 0, recovered.output);
    });
  });

  describe("a disk that is full while building", () => {
    it("is named, with the way out; the next run goes through", async () => {
      const before = await project.containers();
      // /dev/full refuses every byte as a full disk does.
      project.edit("services/edge/Dockerfile", (text) =>
        text.replace("USER 101:0", "RUN dd if=/dev/zero of=/dev/full bs=1 count=1\nUSER 101:0"),
      );
      const refused = await project.script("up", "e2e");
      project.edit("services/edge/Dockerfile", (text) =>
        text.replace("RUN dd if=/dev/zero of=/dev/full bs=1 count=1\n", ""),
      );
      assert.notEqual(refused.code, 0);
      assert.match(refused.output, /No space left on device/i);
      assert.match(refused.output, /way out: the engine's disk is full/);
      assert.deepEqual(await project.containers(), before);
      const recovered = await project.script("up", "e2e");
      assert.equal(recovered.code, 0, recovered.output);
    });
  });

  describe("bin/down", () => {
    it("leaves nothing but the data, which the next up finds again", async () => {
      const user = await new Client(EDGE).enter("keeper@example.org");
      const { body } = await user.post("/v1/tasks", { title: "still here" });
      // By a script: Redis once dropped what scripts and transactions had written, at every start (data/redis/base.acl).
      await redis("e2e", "EVAL", "return redis.call('SET', 'kept', 'still here')", "0");
      const { code, output } = await project.script("down", "e2e");
      assert.equal(code, 0, output);
      const left = await project.objects();
      assert.ok(left.includes("volume assistant-e2e-postgres-data"), left.join("\n"));
      assert.ok(
        left.every((object) => /^volume .*-data$/.test(object)),
        left.join("\n"),
      );
      const again = await project.script("up", "e2e");
      assert.equal(again.code, 0, again.output);
      const tasks = await eventually(async () => {
        const found = await (await new Client(EDGE).enter("keeper@example.org")).get("/v1/tasks");
        assert.equal(found.status, 200);
        return JSON.stringify(found.body);
      });
      assert.ok(tasks.includes("still here"), `${JSON.stringify(body)} was lost: ${tasks}`);
      assert.equal(await redis("e2e", "GET", "kept"), "still here");
    });
  });
});
