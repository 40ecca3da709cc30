/**
 * Lines and spans of a stack, as its stores have them (docs/promises.md 9 and 16): VictoriaLogs and Jaeger, and what
 * stands in the places of Loki, whose image cannot be had here, and of Jaeger, to which it looks the same.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { planOf } from "../../bin/stack.ts";
import { command, docker, eventually, good, ROOT, sleep } from "../stack/command.ts";
import { Stack } from "../stack/stack.ts";
import { SMS } from "../systems/assistant/client.ts";
import { assistant } from "../systems/assistant/driver.ts";
import { Browser } from "../systems/samplemind/chromium.ts";
import { Besides, Words } from "./telemetry/besides.ts";
import {
  jaegerSpans,
  type Lines,
  Received,
  type Spans,
  standInLines,
  standInSpans,
  victoriaLogs,
} from "./telemetry/received.ts";

const STACK = "e2e-telemetry";
const STAND_IN = "berth-test/otlp:1";
interface Stores {
  readonly port: number;
  /** What the bench builds for it. */
  readonly builds: readonly string[];
  readonly images: Readonly<Record<string, string>>;
  readonly lines: (url: string) => Lines;
  readonly spans: (url: string) => Spans;
}
/** By `berth:logs`. */
const STORES: Readonly<Record<string, Stores>> = {
  loki: {
    port: 3100,
    builds: [],
    images: { loki: STAND_IN, jaeger: STAND_IN },
    lines: standInLines,
    spans: standInSpans,
  },
  victorialogs: { port: 9428, builds: ["victorialogs", "jaeger"], images: {}, lines: victoriaLogs, spans: jaegerSpans },
};
const FOLDER = "/var/lib/docker/containers";
/** Grafana's image cannot be had either, and nothing stands in its place. */
const OFF = "grafana";
/** Where the picture of the documentation goes: docs. @default nowhere */
const SHOTS = process.env["BERTH_SHOTS"];

const labelled = (service: string, stack = STACK) => ({ "berth.stack": stack, "berth.service": service });
/** What the agent and the worker do about a message, as `service library`. */
const WORK = ["agent celery", "agent fastapi", "agent psycopg", "worker celery", "worker psycopg"];

for (const [engine, { port, builds, images, lines, spans }] of Object.entries(STORES))
  describe(`telemetry, berth:logs ${engine}`, function () {
    this.timeout(600_000);
    const stack = new Stack(assistant, { stack: STACK, portOffset: 12000, config: { "berth:baseImages": images } });
    const { project } = stack;
    const besides = new Besides(project);
    let urls: Readonly<Record<string, string>>;
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

    before(async function () {
      // Where the images are not there yet, a compiler makes them.
      this.timeout(3_600_000);
      await good(command(`${ROOT}/bench/hub/build.sh`, ["collector", ...builds]));
      await stack.create();
      await good(command("docker", ["build", "--tag", STAND_IN, `${ROOT}/test/soak/otlp`]));
      project.env["BERTH_OFF"] = OFF;
      // The bench's engine keeps its files elsewhere.
      const root = await docker("info", "--format", "{{.DockerRootDir}}");
      const ports = project.config["berth:ports"] as Record<string, number>;
      project.configure({
        "berth:dockerRoot": root,
        "berth:logs": engine,
        "berth:ports": { ...ports, loki: undefined, [engine]: port },
      });
      await project.setSecrets({
        twilioAuthToken: SMS.token,
        twilioUserNumbers: JSON.stringify({ ...SMS.numbers, "+15550000001": "load@example.org" }),
      });
      ({ urls } = planOf(STACK, [OFF], project.dir));
      received = new Received(lines(urls[engine]!), spans(urls["jaeger"]!));
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

    if (engine === "victorialogs")
      it("a request's lines are found in its own page, by a browser", async () => {
        const [request, services] = [await message(), ["edge", "api", "agent", "worker"]];
        await received.arrive(request, services);
        const browser = await Browser.start();
        try {
          await browser.look({ width: 1280, height: 800 });
          const query = encodeURIComponent(`request_id:=${JSON.stringify(request)}`);
          await browser.open(`${urls[engine]}/select/vmui/#/?query=${query}`);
          for (const service of services)
            await browser.until(`/"service": ?"${service}"/.test(document.body.innerText)`);
          assert.deepEqual(browser.complaints, []);
          if (SHOTS !== undefined) await browser.shot(join(ROOT, SHOTS, "monitoring-victorialogs.png"));
        } finally {
          await browser.stop();
        }
      });

    it("a caller's trace is gone on with", async () => {
      const trace = randomUUID().replaceAll("-", "");
      await stack.session.call("GET", assistant.paths.data, undefined, {
        traceparent: `00-${trace}-00f067aa0ba902b7-00`,
      });
      await eventually(async () => {
        assert.ok((await received.lines.find({ service: "edge" })).some((line) => line.trace === trace));
        const spans = await received.spans.ofTrace(trace);
        assert.ok(spans.some((span) => span.service === "api" && span.parent === "00f067aa0ba902b7"));
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
        async () => assert.ok((await received.lines.find({ service: "another", word: own })).length > 0),
        10,
      );
      await sleep(5000);
      for (const [i, word] of [foreign, another].entries()) {
        assert.match(await docker("logs", ids[i]!), new RegExp(word), "it is in the engine's files");
        assert.deepEqual(await received.lines.find({ word }), [], "it was sent");
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
        const found = await received.lines.find({ service: "api" });
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

    it("the store of lines away for 20 s, and the collector killed meanwhile: every line comes afterwards", async () => {
      const [store, collector] = [await project.container(engine), await project.container("collector")];
      await docker("stop", "--time", "1", store);
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
      await docker("start", store);
      await eventually(async () => {
        const found = (await received.lines.find({ service: "api" })).map(({ attributes }) => attributes["request_id"]);
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
      const [disk, memory, ofStore, waits]: number[][] = [[], [], [], []];
      const store = await project.container(engine);
      const look = async () => {
        const whole = await docker(
          "exec",
          collector,
          "sh",
          "-c",
          `stat -c %s ${files} | awk '{ sum += $1 } END { print sum }'`,
        );
        disk!.push(Number(whole));
        const used = await docker("stats", "--no-stream", "--format", "{{.MemUsage}}", collector, store);
        for (const [n, all] of [memory!, ofStore!].entries()) all.push(Number.parseFloat(used.split("\n")[n]!));
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
      const sent = await received.lines.count("flood");
      const [most, top, kept, longest] = [disk!, memory!, ofStore!, waits!].map((all) => Math.max(...all)) as [
        number,
        number,
        number,
        number,
      ];
      console.log(
        `      ${took.toFixed(0)} s; on disk at most ${(most / 1e6).toFixed(1)} MB, the collector's memory ${top} MiB, the store's ${kept},`,
        `a line's way ${longest.toFixed(1)} s; ${sent} of 2000000 lines of the flood sent`,
      );
      assert.ok(most > 10e6 && most <= 51e6, `${most} bytes`);
      assert.ok(sent > 10_000, "the flood itself was looked at");
      for (const container of [collector, store])
        assert.equal(
          await docker(
            "inspect",
            "--format",
            "{{.State.OOMKilled}} {{.RestartCount}} {{.State.Health.Status}}",
            container,
          ),
          "false 0 healthy",
        );
    });
  });
