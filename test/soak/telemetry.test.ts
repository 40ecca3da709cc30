/** Lines and spans of a running stack, as they come to what stands in Loki's and Jaeger's places (issue 6.4). */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import type { Answer } from "../e2e/client.ts";
import { running, TOOLS } from "../e2e/engine.ts";
import { good, Serving } from "../e2e/serving.ts";
import { command, docker, eventually, ROOT, sleep, SMS } from "../e2e/support.ts";

const STACK = "e2e-telemetry";
const OFFSET = 12000;
const STAND_IN = "berth-test/otlp:latest";
const FOLDER = "/var/lib/docker/containers";

interface Entry {
  readonly service: string;
  readonly arrived: number;
  readonly trace: string;
  readonly resource: Readonly<Record<string, string>>;
}
interface Line extends Entry {
  readonly kind: "line";
  readonly written: number;
  readonly level: string;
  readonly severity: number;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
}
interface Span extends Entry {
  readonly kind: "span";
  readonly scope: string;
  readonly name: string;
  readonly id: string;
  readonly parent: string;
}

const serving = new Serving({
  stack: STACK,
  portOffset: OFFSET,
  config: { "berth:baseImages": { loki: STAND_IN, jaeger: STAND_IN } },
});
const { project } = serving;

async function told(port: number, path: string): Promise<string> {
  return (await fetch(`http://127.0.0.1:${port + OFFSET}${path}`)).text();
}
async function received<T extends Entry>(port: number): Promise<T[]> {
  return (await told(port, "/received"))
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as T);
}
const lines = (): Promise<Line[]> => received<Line>(3100);
const spans = (): Promise<Span[]> => received<Span>(16686);
const linesOf = async (request: string): Promise<Line[]> =>
  (await lines()).filter(({ attributes }) => attributes["request_id"] === request);

/** Until each of these services has told of the request; what they told. */
const arrive = (request: string, services: readonly string[], seconds = 10): Promise<Line[]> =>
  eventually(async () => {
    const found = await linesOf(request);
    for (const service of services)
      assert.ok(
        found.some((line) => line.service === service),
        `nothing of ${service} among ${found.map((line) => line.service).join(", ") || "nothing"} in ${seconds} s`,
      );
    return found;
  }, seconds);

const ask = (request: string): Promise<Answer> =>
  serving.client.call("GET", "/v1/tasks", undefined, { "x-request-id": request });
/** A message that needs all of them: the agent makes a job of it, the worker a task of that. */
async function message(): Promise<string> {
  const request = randomUUID().replaceAll("-", "");
  const { status } = await serving.client.call(
    "POST",
    "/v1/messages",
    { text: `add a task to ${request}` },
    { "x-request-id": request },
  );
  assert.equal(status, 200);
  return request;
}
async function sms(): Promise<string> {
  const { status, headers } = await serving.client.sms("+15550000001", `add a task to ${randomUUID()}`);
  assert.equal(status, 200);
  const request = headers.get("x-request-id");
  assert.ok(request, "the answer names the request");
  return request;
}

/** What the agent and the worker do about a message, as `service library`. */
const WORK = ["agent celery", "agent fastapi", "agent psycopg", "worker celery", "worker psycopg"];
/** Until the spans of a trace are of these kinds, each below another of them, but for the first, whose parent is the edge. */
const oneTrace = (trace: string, first: string, kinds: readonly string[], seconds = 20): Promise<void> =>
  eventually(async () => {
    const found = (await spans()).filter((span) => span.trace === trace);
    const ids = new Set(found.map(({ id }) => id));
    assert.deepEqual(
      [...new Set(found.map(({ service, scope }) => `${service} ${scope.split(".").at(-1)!}`))].sort(),
      [...kinds].sort(),
    );
    assert.deepEqual(
      found
        .filter(({ parent }) => !ids.has(parent))
        .map(({ service, scope }) => `${service} ${scope.split(".").at(-1)!}`),
      [first],
      "one beginning",
    );
  }, seconds);

/** A container that is none of the stack's, but for its labels; what it runs ends by itself, the container stays. */
const others: string[] = [];
async function besides(labels: Readonly<Record<string, string>>, ...line: readonly string[]): Promise<string> {
  const { Config } = JSON.parse(
    await docker("inspect", "--format", "{{json .HostConfig.LogConfig}}", await running(project, "agent")),
  ) as { Config: Record<string, string> };
  const id = await docker(
    "run",
    "--detach",
    "--network",
    "none",
    "--memory",
    "64m",
    "--cpus",
    "1",
    ...Object.entries(labels).flatMap(([name, value]) => ["--label", `${name}=${value}`]),
    ...Object.entries(Config).flatMap(([name, value]) => ["--log-opt", `${name}=${value}`]),
    "--entrypoint",
    "sh",
    TOOLS,
    "-c",
    ...line,
  );
  others.push(id);
  return id;
}
const labelled = (service: string, stack = STACK) => ({ "berth.stack": stack, "berth.service": service });

/** Everything a container says from now on, as the engine tells it. */
class Words {
  readonly #child: ChildProcess;
  text = "";
  constructor(container: string) {
    this.#child = spawn("docker", ["logs", "--follow", "--tail", "0", container], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    this.#child.stdout!.on("data", (chunk: Buffer) => {
      this.text += chunk.toString();
    });
  }
  get lines(): string[] {
    return this.text.split("\n").filter(Boolean);
  }
  stop(): void {
    this.#child.kill();
  }
}

describe("telemetry", function () {
  this.timeout(600_000);

  before(async () => {
    await good(command(`${ROOT}/bench/hub/build.sh`, ["collector"]));
    await good(command("docker", ["build", "--tag", STAND_IN, `${ROOT}/test/soak/otlp`]));
    // Grafana's image cannot be had either, and nothing stands in its place.
    project.env["BERTH_OFF"] = "grafana";
    // The bench's engine keeps its files elsewhere.
    const root = await docker("info", "--format", "{{.DockerRootDir}}");
    project.configure({ "berth:dockerRoot": root });
    await project.pulumi("stack", "select", STACK, "--create");
    await project.setSecret("twilioAuthToken", SMS.token);
    await project.setSecret(
      "twilioUserNumbers",
      JSON.stringify({ ...SMS.numbers, "+15550000001": "load@example.org" }),
    );
    await serving.start();
  });
  after(async () => {
    if (others.length) await command("docker", ["rm", "--force", ...others]);
    await project.remove();
    await command("docker", ["rmi", STAND_IN]);
  });

  it("the collector finds nothing wrong with its files, and something with others (negative control)", async () => {
    const name = await running(project, "collector");
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
      const found = await arrive(request, services);
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
      const edge = (await arrive(await begin(), ["edge"])).find(({ service }) => service === "edge")!;
      await oneTrace(edge.trace, kinds[0], [...kinds, ...WORK]);
      traces.push(edge.trace);
    }
    assert.notEqual(traces[0], traces[1]);
    await assert.rejects(oneTrace(traces[0]!, "sms-router fastapi", ["sms-router fastapi"], 1), /api httpx/);
  });

  it("a caller's trace is gone on with", async () => {
    const trace = randomUUID().replaceAll("-", "");
    await serving.client.call("GET", "/v1/tasks", undefined, { traceparent: `00-${trace}-00f067aa0ba902b7-00` });
    await eventually(async () => {
      assert.ok((await lines()).some((line) => line.service === "edge" && line.trace === trace));
      assert.ok(
        (await spans()).some(
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
      await besides({}, ...say(foreign)),
      await besides(labelled("api", "other"), ...say(another)),
      await besides(labelled("another"), ...say(own)),
    ];
    await eventually(
      async () => assert.ok((await lines()).some(({ service, body }) => service === "another" && body.includes(own))),
      10,
    );
    await sleep(5000);
    for (const [i, word] of [foreign, another].entries()) {
      assert.match(await docker("logs", ids[i]!), new RegExp(word), "it is in the engine's files");
      assert.ok(
        (await lines()).every(({ body }) => !body.includes(word)),
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
    serving.environment("api", { RATE_LIMIT_PER_MINUTE: 100_000 });
    await good(project.up());
    stopped = true;
    await asking;
    const ids = new Set((await project.containers("api")).keys());
    assert.ok(
      before.every((container) => !ids.has(container)),
      "both were replaced",
    );
    await eventually(async () => {
      const found = (await lines()).filter(({ service }) => service === "api");
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
    console.log(
      `      ${requests.length} requests, ${words.map((one) => one.lines.length).join(" and ")} lines of the former containers, none missing`,
    );
  });

  it("Loki away for 20 s, and the collector killed meanwhile: every line comes afterwards", async () => {
    const [loki, collector] = [await running(project, "loki"), await running(project, "collector")];
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
      const found = (await lines())
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
    const collector = await running(project, "collector");
    const file = `${FOLDER}/${await besides(labelled("flood"), `sleep 5; yes "$0" | head -c 1000000000; echo; echo over; sleep 600`, "x".repeat(499))}`;
    const [disk, memory, waits]: number[][] = [[], [], []];
    const look = async () => {
      disk!.push(
        Number((await docker("exec", collector, "sh", "-c", `du -cb ${file}/*-json.log* | tail -1`)).split("\t")[0]),
      );
      memory!.push(Number.parseFloat(await docker("stats", "--no-stream", "--format", "{{.MemUsage}}", collector)));
      const [request, start] = [randomUUID(), Date.now()];
      await ask(request);
      await arrive(request, ["edge", "api"]);
      waits!.push((Date.now() - start) / 1000);
    };
    const start = Date.now();
    let took = 0;
    await serving.assertLossless(
      await serving.underLoad(
        async () => {
          for (const end = Date.now() + 240_000; !took; await look()) {
            assert.ok(Date.now() < end, "the flood does not end");
            if ((await docker("logs", "--tail", "1", file.slice(FOLDER.length + 1))) === "over")
              took = (Date.now() - start) / 1000;
          }
        },
        { share: 0.2 },
      ),
    );
    await arrive(await message(), ["edge", "api", "agent", "worker"]);
    const counts = JSON.parse(await told(3100, "/counts")) as Record<string, number>;
    const { OOMKilled } = JSON.parse(await docker("inspect", "--format", "{{json .State}}", collector)) as {
      OOMKilled: boolean;
    };
    const [most, top, longest] = [disk!, memory!, waits!].map((all) => Math.max(...all)) as [number, number, number];
    console.log(
      `      ${took.toFixed(0)} s; on disk at most ${(most / 1e6).toFixed(1)} MB, the collector's memory ${top} MiB, a line's way ${longest.toFixed(1)} s; ${counts["flood"]} of 2000000 lines of the flood sent`,
    );
    assert.ok(most > 10e6 && most <= 51e6, `${most} bytes`);
    assert.ok(counts["flood"]! > 10_000, "the flood itself was looked at");
    assert.deepEqual(
      [OOMKilled, await docker("inspect", "--format", "{{.RestartCount}} {{.State.Health.Status}}", collector)],
      [false, "0 healthy"],
    );
  });
});
