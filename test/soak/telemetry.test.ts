/** Lines and spans of a stack, as they reach what stands in Loki's and Jaeger's places (docs/promises.md 9 and 16). */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { planOf } from "../../bin/stack.ts";
import { command, docker, eventually, good, ROOT, sleep } from "../stack/command.ts";
import { Stack } from "../stack/stack.ts";
import { SMS } from "../systems/assistant/client.ts";
import { assistant } from "../systems/assistant/driver.ts";
import { Besides, Words } from "./telemetry/besides.ts";
import { Received } from "./telemetry/received.ts";

const STACK = "e2e-telemetry";
const STAND_IN = "berth-test/otlp:latest";
const FOLDER = "/var/lib/docker/containers";
/** Grafana's image cannot be had either, and nothing stands in its place. */
const OFF = "grafana";

const labelled = (service: string, stack = STACK) => ({ "berth.stack": stack, "berth.service": service });
/** What the agent and the worker do about a message, as `service library`. */
const WORK = ["agent celery", "agent fastapi", "agent psycopg", "worker celery", "worker psycopg"];

describe("telemetry", function () {
  this.timeout(600_000);
  const stack = new Stack(assistant, {
    stack: STACK,
    portOffset: 12000,
    config: { "berth:baseImages": { loki: STAND_IN, jaeger: STAND_IN } },
  });
  const { project } = stack;
  const besides = new Besides(project);
  let received: Received;

  const ask = (request: string) =>
    stack.session.call("GET", assistant.paths.data, undefined, { "x-request-id": request });
  /** A message that needs all of them: the agent makes a job of it, the worker a task of that. */
  async function message(): Promise<string> {
    const request = randomUUID().replaceAll("-", "");
    const body = { text: `add a task to ${request}` };
    const { status } = await stack.session.call("POST", "/v1/messages", body, { "x-request-id": request });
    assert.equal(status, 200);
    return request;
  }
  async function sms(): Promise<string> {
    const { status, headers } = await stack.session.sms("+15550000001", `add a task to ${randomUUID()}`);
    assert.equal(status, 200);
    const request = headers.get("x-request-id");
    assert.ok(request, "the answer names the request");
    return request;
  }

  before(async () => {
    await stack.create();
    await good(command(`${ROOT}/bench/hub/build.sh`, ["collector"]));
    await good(command("docker", ["build", "--tag", STAND_IN, `${ROOT}/test/soak/otlp`]));
    project.env["BERTH_OFF"] = OFF;
    // The bench's engine keeps its files elsewhere.
    const root = await docker("info", "--format", "{{.DockerRootDir}}");
    project.configure({ "berth:dockerRoot": root });
    await project.setSecrets({
      twilioAuthToken: SMS.token,
      twilioUserNumbers: JSON.stringify({ ...SMS.numbers, "+15550000001": "load@example.org" }),
    });
    received = new Received(planOf(STACK, [OFF], project.dir).urls);
    await stack.start();
  });
  after(async () => {
    await besides.remove();
    await project.remove();
    await command("docker", ["rmi", STAND_IN]);
  });

  it("the collector finds nothing wrong with its files, and something with others (negative control)", async () => {
    const name = await project.container("collector");
    const { Image, Args } = JSON.parse(await docker("inspect", name, "--format", "{{json .}}")) as {
      Image: string;
      Args: string[];
    };
    const validate = (...more: string[]) =>
      command("docker", [
        "run",
        "--rm",
        "--volumes-from",
        `${name}:ro`,
        Image,
        "validate",
        ...Args.filter((word) => word.startsWith("--")),
        ...more,
      ]);
    await good(validate());
    const { code, output } = await validate("--set=receivers::file_log::nonsense=1");
    assert.notEqual(code, 0);
    assert.match(output, /nonsense/);
  });

  it("one request: lines of every service within 10 s, with level, request and trace", async () => {
    const slowest: Record<string, number> = {};
    for (const [begin, services] of [
      [message, ["edge", "api", "agent", "worker"]],
      [sms, ["edge", "sms-router", "agent", "worker"]],
    ] as const) {
      const request = await begin();
      const found = await received.arrive(request, services);
      assert.equal(new Set(found.map(({ trace }) => trace)).size, 1, "one trace");
      assert.match(found[0]!.trace, /^[0-9a-f]{32}$/);
      for (const { service, level, severity, resource, attributes, written, arrived } of found) {
        assert.deepEqual([level.toLowerCase(), severity, attributes["log.iostream"]], ["info", 9, "stdout"]);
        assert.deepEqual(resource, {
          "service.name": service,
          "service.namespace": "assistant",
          "deployment.environment.name": "dev",
        });
        slowest[service] = Math.max(slowest[service] ?? 0, Math.round((arrived - written) * 100) / 100);
      }
    }
    console.log(
      `      seconds: ${Object.entries(slowest)
        .map(([service, seconds]) => `${service} ${seconds}`)
        .join(", ")}`,
    );
    for (const [service, seconds] of Object.entries(slowest)) assert.ok(seconds <= 10, `${service} ${seconds}`);
  });

  it("one request, and one SMS, is one trace from edge to api or router, agent, worker and database", async () => {
    const traces: string[] = [];
    for (const [begin, kinds] of [
      [message, ["api fastapi", "api httpx"]],
      [sms, ["sms-router fastapi", "sms-router httpx", "sms-router psycopg"]],
    ] as const) {
      const edge = (await received.arrive(await begin(), ["edge"])).find(({ service }) => service === "edge")!;
      await received.oneTrace(edge.trace, kinds[0], [...kinds, ...WORK]);
      traces.push(edge.trace);
    }
    assert.notEqual(traces[0], traces[1]);
    await assert.rejects(received.oneTrace(traces[0]!, "sms-router fastapi", ["sms-router fastapi"], 1), /api httpx/);
  });

  it("a caller's trace is gone on with", async () => {
    const trace = randomUUID().replaceAll("-", "");
    await stack.session.call("GET", assistant.paths.data, undefined, {
      traceparent: `00-${trace}-00f067aa0ba902b7-00`,
    });
    await eventually(async () => {
      assert.ok((await received.lines()).some((line) => line.service === "edge" && line.trace === trace));
      assert.ok(
        (await received.spans()).some(
          (span) => span.service === "api" && span.trace === trace && span.parent === "00f067aa0ba902b7",
        ),
      );
    }, 20);
  });

  it("lines of a stack, and of no other container: those of others are in the engine's files, and stay there", async () => {
    const [own, foreign, another] = [randomUUID(), randomUUID(), randomUUID()];
    const say = (word: string) =>
      [`echo "$0"; sleep 60`, JSON.stringify({ level: "info", msg: word, attrs: { "berth.stack": STACK } })] as const;
    const ids = [
      await besides.run({}, ...say(foreign)),
      await besides.run(labelled("api", "other"), ...say(another)),
      await besides.run(labelled("another"), ...say(own)),
    ];
    await eventually(
      async () =>
        assert.ok((await received.lines()).some(({ service, body }) => service === "another" && body.includes(own))),
      10,
    );
    await sleep(5000);
    for (const [i, word] of [foreign, another].entries()) {
      assert.match(await docker("logs", ids[i]!), new RegExp(word), "it is in the engine's files");
      assert.ok(
        (await received.lines()).every(({ body }) => !body.includes(word)),
        "it was sent",
      );
    }
    await docker("rm", "--force", ...ids);
  });

  it("a container's last lines come, and stay when it is replaced", async () => {
    const before = await project.running("api");
    const words = before.map((container) => new Words(container));
    const requests: string[] = [];
    let stopped = false;
    const asking = (async () => {
      while (!stopped) {
        const request = `replaced-${requests.push("") - 1}-${randomUUID()}`;
        requests[requests.length - 1] = request;
        assert.equal((await ask(request)).status, 200);
        await sleep(100);
      }
    })();
    project.environment("api", { RATE_LIMIT_PER_MINUTE: 100_000 });
    await good(project.up());
    stopped = true;
    await asking;
    const ids = new Set((await project.containers("api")).keys());
    assert.ok(
      before.every((container) => !ids.has(container)),
      "both were replaced",
    );
    await eventually(async () => {
      const found = (await received.lines()).filter(({ service }) => service === "api");
      const [bodies, told] = [
        new Set(found.map(({ body }) => body)),
        new Set(found.map(({ attributes }) => attributes["request_id"])),
      ];
      assert.deepEqual(
        requests.filter((request) => !told.has(request)),
        [],
      );
      for (const one of words)
        assert.deepEqual(
          one.lines.filter((line) => !bodies.has(line)),
          [],
        );
    }, 10);
    for (const one of words) one.stop();
    const told = words.map((one) => one.lines.length).join(" and ");
    console.log(`      ${requests.length} requests, ${told} lines of the former containers, none missing`);
  });

  it("Loki away for 20 s, and the collector killed meanwhile: every line comes afterwards", async () => {
    const [loki, collector] = [await project.container("loki"), await project.container("collector")];
    await docker("stop", "--time", "1", loki);
    const requests = Array.from({ length: 40 }, () => randomUUID());
    for (const [i, request] of requests.entries()) {
      assert.equal((await ask(request)).status, 200);
      if (i === 20) {
        await docker("kill", collector);
        await docker("start", collector);
      }
      await sleep(500);
    }
    const start = Date.now();
    await docker("start", loki);
    await eventually(async () => {
      const found = (await received.lines())
        .filter(({ service }) => service === "api")
        .map(({ attributes }) => attributes["request_id"]);
      assert.deepEqual(
        requests.filter((request) => !found.includes(request)),
        [],
      );
    }, 60);
    console.log(`      there ${((Date.now() - start) / 1000).toFixed(1)} s after it was back`);
  });

  it("a flood of 1 GB stays below the cap, keeps no other service's lines and no request waiting, and not the collector from its memory", async () => {
    const collector = await project.container("collector");
    const line = `sleep 5; yes "$0" | head -c 1000000000; echo; echo over; sleep 600`;
    const flood = await besides.run(labelled("flood"), line, "x".repeat(499));
    const files = `${FOLDER}/${flood}/*-json.log*`;
    const [disk, memory, waits]: number[][] = [[], [], []];
    const look = async () => {
      const whole = await docker(
        "exec",
        collector,
        "sh",
        "-c",
        `stat -c %s ${files} | awk '{ sum += $1 } END { print sum }'`,
      );
      disk!.push(Number(whole));
      memory!.push(Number.parseFloat(await docker("stats", "--no-stream", "--format", "{{.MemUsage}}", collector)));
      const [request, start] = [randomUUID(), Date.now()];
      await ask(request);
      await received.arrive(request, ["edge", "api"]);
      waits!.push((Date.now() - start) / 1000);
    };
    const start = Date.now();
    let took = 0;
    await stack.lossless(
      async () => {
        for (const end = Date.now() + 240_000; !took; await look()) {
          assert.ok(Date.now() < end, "the flood does not end");
          if ((await docker("logs", "--tail", "1", flood)) === "over") took = (Date.now() - start) / 1000;
        }
      },
      { share: 0.2 },
    );
    await received.arrive(await message(), ["edge", "api", "agent", "worker"]);
    const counts = await received.counts();
    const { OOMKilled } = JSON.parse(await docker("inspect", "--format", "{{json .State}}", collector)) as {
      OOMKilled: boolean;
    };
    const [most, top, longest] = [disk!, memory!, waits!].map((all) => Math.max(...all)) as [number, number, number];
    console.log(
      `      ${took.toFixed(0)} s; on disk at most ${(most / 1e6).toFixed(1)} MB, the collector's memory ${top} MiB,`,
      `a line's way ${longest.toFixed(1)} s; ${counts["flood"]} of 2000000 lines of the flood sent`,
    );
    assert.ok(most > 10e6 && most <= 51e6, `${most} bytes`);
    assert.ok(counts["flood"]! > 10_000, "the flood itself was looked at");
    assert.deepEqual(
      [OOMKilled, await docker("inspect", "--format", "{{.RestartCount}} {{.State.Health.Status}}", collector)],
      [false, "0 healthy"],
    );
  });
});
