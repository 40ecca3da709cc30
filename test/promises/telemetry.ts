/**
 * What a request does is told by every service that it passes, and is one trace from the edge to the database
 * (docs/promises.md 16): asked of the stores of lines and spans, by their own queries.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { kindOf } from "../soak/telemetry/received.ts";
import type { Told } from "../soak/telemetry/told.ts";
import { eventually, sleep } from "../stack/command.ts";

export function telemetry(told: Told): void {
  const { stack } = told;
  const { journeys, system } = stack.driver;

  it("one request: lines of every service within 10 s, with level, request and trace", async () => {
    const environment = String(stack.project.config["berth:environment"]);
    const slowest: Record<string, number> = {};
    for (const { begin, lines } of journeys) {
      const found = await told.received.arrive(await begin(stack), lines);
      assert.equal(new Set(found.map(({ trace }) => trace)).size, 1, "one trace");
      assert.match(found[0]!.trace, /^[0-9a-f]{32}$/);
      for (const { service, level, severity, resource, attributes, written, arrived } of found) {
        assert.deepEqual([level.toLowerCase(), severity, attributes["log.iostream"]], ["info", 9, "stdout"]);
        assert.deepEqual(resource, {
          "service.name": service,
          "service.namespace": system,
          "deployment.environment.name": environment,
        });
        slowest[service] = Math.max(slowest[service] ?? 0, Math.round((arrived - written) * 100) / 100);
      }
    }
    const seconds = Object.entries(slowest).map(([service, longest]) => `${service} ${longest}`);
    console.log(`      seconds: ${seconds.join(", ")}`);
    for (const [service, longest] of Object.entries(slowest)) assert.ok(longest <= 10, `${service} ${longest}`);
    // The negative control: of a request that there was not, nobody tells.
    await assert.rejects(told.received.arrive(randomUUID(), journeys[0].lines, 1), /nothing of edge/);
  });

  it("one request is one trace, from the edge to the database", async () => {
    const traces = new Set<string>();
    for (const { what, begin, spans } of journeys) {
      const lines = await told.received.arrive(await begin(stack), ["edge"]);
      const { trace } = lines.find(({ service }) => service === "edge")!;
      await told.received.oneTrace(trace, spans[0]!, spans);
      console.log(`      ${what}: ${spans.join(", ")}`);
      traces.add(trace);
      // The negative control: without one of them it is not what was asked for.
      await assert.rejects(told.received.oneTrace(trace, spans[0]!, spans.slice(0, -1), 1), new RegExp(spans.at(-1)!));
    }
    assert.equal(traces.size, journeys.length, "each has one of its own");
  });

  it("what nobody asks for is in no trace, or it would push the others out: checks, and what is looked up again and again", async () => {
    const kinds = journeys.flatMap(({ spans }) => spans);
    const services = new Set(kinds.filter((kind) => kind.endsWith(" fastapi")).map((kind) => kind.split(" ")[0]!));
    const since = async (time: number): Promise<string[]> =>
      (await Promise.all([...services].map((service) => told.received.spans.since(service, time)))).flat().map(kindOf);
    // What the requests before have left to do is done by then.
    await sleep(5000);
    const quiet = Date.now() / 1000;
    // Twice as long as it takes spans to be sent, and each check to be made.
    await sleep(12_000);
    assert.deepEqual(await since(quiet), []);
    // The negative control: a request shows.
    await journeys[0].begin(stack);
    await eventually(async () => assert.ok((await since(quiet)).includes(journeys[0].spans[0]!)), 20);
  });
}
