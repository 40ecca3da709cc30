/**
 * Lines and spans of a stack, as its stores have them (docs/promises.md 9 and 16): VictoriaLogs and Jaeger, and what
 * stands in the places of Loki, whose image cannot be had here, and of Jaeger, to which it looks the same.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { telemetry } from "../promises/telemetry.ts";
import { command, docker, eventually, good, ROOT, sleep } from "../stack/command.ts";
import { duringTests } from "../stack/during-tests.ts";
import { assistant } from "../systems/assistant/driver.ts";
import type { Session } from "../systems/driver.ts";
import { kailash } from "../systems/kailash/driver.ts";
import { Browser } from "../systems/samplemind/chromium.ts";
import { samplemind } from "../systems/samplemind/driver.ts";
import { Besides, Words } from "./telemetry/besides.ts";
import { ENGINES, Told } from "./telemetry/told.ts";

const STACK = "e2e-telemetry";
const FOLDER = "/var/lib/docker/containers";
/** Where the picture of the documentation goes: docs. @default nowhere */
const SHOTS = process.env["BERTH_SHOTS"];

const labelled = (service: string, stack = STACK) => ({ "berth.stack": stack, "berth.service": service });
const [message] = assistant.journeys;

for (const engine of ENGINES)
  describe(`telemetry, berth:logs ${engine}`, function () {
    this.timeout(900_000);
    const told = new Told(assistant, STACK, 12_000, engine);
    const { stack } = told;
    const { project } = stack;
    const besides = new Besides(project);

    const ask = (request: string) =>
      stack.session.call("GET", assistant.paths.data, { headers: { "x-request-id": request } });

    after(() => besides.remove());
    duringTests(told, told.images);

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

    telemetry(told);

    if (engine === "victorialogs")
      it("a request's lines are found in its own page, by a browser", async () => {
        const request = await message.begin(stack);
        await told.received.arrive(request, message.lines);
        const browser = await Browser.start();
        try {
          await browser.look({ width: 1280, height: 800 });
          const query = encodeURIComponent(`request_id:=${JSON.stringify(request)}`);
          await browser.open(`${told.urls[engine]}/select/vmui/#/?query=${query}`);
          for (const service of message.lines)
            await browser.until(`/"service": ?"${service}"/.test(document.body.innerText)`);
          assert.deepEqual(browser.complaints, []);
          if (SHOTS !== undefined) await browser.shot(join(ROOT, SHOTS, "monitoring-victorialogs.png"));
        } finally {
          await browser.stop();
        }
      });

    it("a caller's trace is gone on with", async () => {
      const trace = randomUUID().replaceAll("-", "");
      await stack.session.call("GET", assistant.paths.data, {
        headers: { traceparent: `00-${trace}-00f067aa0ba902b7-00` },
      });
      await eventually(async () => {
        assert.ok((await told.received.lines.find({ service: "edge" })).some((line) => line.trace === trace));
        const spans = await told.received.spans.ofTrace(trace);
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
        async () => assert.ok((await told.received.lines.find({ service: "another", word: own })).length > 0),
        10,
      );
      await sleep(5000);
      for (const [i, word] of [foreign, another].entries()) {
        assert.match(await docker("logs", ids[i]!), new RegExp(word), "it is in the engine's files");
        assert.deepEqual(await told.received.lines.find({ word }), [], "it was sent");
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
        const found = await told.received.lines.find({ service: "api" });
        const [bodies, named] = [
          new Set(found.map(({ body }) => body)),
          new Set(found.map(({ attributes }) => attributes["request_id"])),
        ];
        assert.deepEqual(
          requests.filter((request) => !named.has(request)),
          [],
        );
        for (const one of words)
          assert.deepEqual(
            one.lines.filter((line) => !bodies.has(line)),
            [],
          );
      }, 10);
      for (const one of words) one.stop();
      const counts = words.map((one) => one.lines.length).join(" and ");
      console.log(`      ${requests.length} requests, ${counts} lines of the former containers, none missing`);
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
        const found = (await told.received.lines.find({ service: "api" })).map(
          ({ attributes }) => attributes["request_id"],
        );
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
        await told.received.arrive(request, ["edge", "api"]);
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
      await told.received.arrive(await message.begin(stack), message.lines);
      const sent = await told.received.lines.count("flood");
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

/** The other systems: their own part of it, on real stores. */
for (const [driver, portOffset] of [
  [samplemind, 12_500],
  [kailash, 13_000],
] as const)
  describe(`telemetry of ${driver.system}`, function () {
    this.timeout(900_000);
    const told = new Told<Session>(driver, `${STACK}-${driver.system}`, portOffset, "victorialogs");
    duringTests(told, told.images);

    telemetry(told);
  });
