/** The arithmetic that promises are judged by, with fakes for what it judges: it must find what is wrong. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Load, uncontrolled } from "../../load/load.ts";
import { accountOf, assertKept, controlled, keptOnce } from "../../stack/ledger.ts";
import { heavier } from "../../stack/fault.ts";
import { awayIn, during as failedDuring } from "../../stack/replaced.ts";
import type { Stack } from "../../stack/stack.ts";
import type { Effect } from "../../systems/driver.ts";

const STACK = {} as Stack;
/** An effect that took place so often, by id; after each look the next of these. */
function effect(looks: readonly Record<string, number>[], within = 0): Effect {
  let n = 0;
  return {
    write: (id) => ({ path: "/", body: { id } }),
    count: () => Promise.resolve(new Map(Object.entries(looks[Math.min(n++, looks.length - 1)]!))),
    within,
  };
}

describe("account", () => {
  it("is well when each took place once, whatever else did", () => {
    const account = accountOf(
      ["a", "b"],
      new Map([
        ["a", 1],
        ["b", 1],
        ["c", 7],
      ]),
    );
    assert.deepEqual(account, { acknowledged: 2, found: 2, lost: [], doubled: [] });
    assert.equal(assertKept(account), account);
  });
  it("finds one that is gone, and one that took place twice", () => {
    const account = accountOf(
      ["a", "b", "c"],
      new Map([
        ["a", 1],
        ["c", 2],
      ]),
    );
    assert.deepEqual(account, { acknowledged: 3, found: 2, lost: ["b"], doubled: ["c"] });
    assert.throws(() => assertKept(account), /1 lost, 1 doubled of 3/);
  });
  it("finds a job that is done, but was begun twice", () => {
    assert.throws(() => assertKept(accountOf(["job"], new Map([["job", 2]]))), /0 lost, 1 doubled of 1/);
  });
  it("is no account of nothing", () => {
    assert.throws(() => accountOf([], new Map()), /nothing was acknowledged/);
  });
});

describe("effects", () => {
  it("are kept when each took place once", async () => {
    assert.equal((await keptOnce(STACK, effect([{ a: 1 }]), ["a"])).found, 1);
  });
  it("are waited for where they come later", async () => {
    assert.equal((await keptOnce(STACK, effect([{}, { a: 1 }], 5), ["a"])).found, 1);
  });
  it("that never come are lost, those that come twice doubled", async () => {
    await assert.rejects(keptOnce(STACK, effect([{ a: 1 }]), ["a", "b"]), /1 lost, 0 doubled of 2/);
    await assert.rejects(keptOnce(STACK, effect([{ a: 1, b: 2 }]), ["a", "b"]), /0 lost, 1 doubled of 2/);
  });
});

describe("a controlled failure", () => {
  const JSON_503 = JSON.stringify({ error: "the database does not answer" });
  const HEADERS = { "retry-after": "2", "x-request-id": "1" };

  it("is JSON with an error that passes, says when to come back, and has an id", () => {
    assert.equal(uncontrolled(503, HEADERS, JSON_503), undefined);
    assert.doesNotThrow(() => controlled({ failures: { "POST kept: status 503": 3 } }));
  });
  const cases: readonly [string, ...Parameters<typeof uncontrolled>][] = [
    ["not a passing failure", 500, HEADERS, JSON_503],
    ["not a passing failure", 413, HEADERS, "<html>413 Request Entity Too Large</html>"],
    ["no JSON with an error", 503, HEADERS, "<html>503 Service Temporarily Unavailable</html>"],
    ["no Retry-After", 503, { "x-request-id": "1" }, JSON_503],
    ["no X-Request-Id", 503, { "retry-after": "2" }, JSON_503],
    ["tells of its inside", 503, HEADERS, JSON.stringify({ error: "psycopg.OperationalError" })],
  ];
  for (const [why, status, headers, body] of cases)
    it(`is not one that is ${status} and: ${why}`, () => {
      assert.equal(uncontrolled(status, headers, body), why);
      assert.throws(() => controlled({ failures: { [`GET kept: status ${status} (${why})`]: 1 } }));
    });
  for (const failure of ["POST fresh: ECONNREFUSED", "GET kept: ECONNRESET", "slow: timed out", "GET kept: cut off"])
    it(`is not "${failure}"`, () => assert.throws(() => controlled({ failures: { [failure]: 1 } })));
});

describe("the load", () => {
  const ARGS = { token: () => "t", slow: 0, kept: 100, fresh: 100, reads: ["/"], slowly: () => "/" };
  const write = (id: string) => ({ path: "/", body: { id } });
  async function during(url: string, posts: number) {
    const load = new Load({ ...ARGS, url, posts, write }).start();
    await new Promise((resolve) => setTimeout(resolve, 150));
    return load.stop();
  }

  it("reports a page of the server, and acknowledges nothing (negative control)", async () => {
    const server = createServer((request, response) => {
      request.resume().once("end", () => response.writeHead(413).end("<html>413</html>"));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    try {
      const report = await during(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 1);
      assert.ok(report.sent > 0);
      assert.deepEqual([report.ok, report.acknowledged], [0, []]);
      assert.throws(() => controlled(report), /413/);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
  it("sends a slow write bit by bit, and acknowledges it when it is answered", async () => {
    const took: number[] = [];
    const ids: string[] = [];
    const server = createServer((request, response) => {
      const began = Date.now();
      let text = "";
      request.on("data", (chunk: Buffer) => (text += chunk.toString()));
      request.once("end", () => {
        took.push(Date.now() - began);
        ids.push((JSON.parse(text) as { id: string }).id);
        response.end();
      });
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    try {
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const load = new Load({ ...ARGS, url, kept: 0, fresh: 0, slow: 1, slowly: (_, id) => write(id), write }).start();
      await new Promise((resolve) => setTimeout(resolve, 1200));
      const { slowSent, slowOk, acknowledged } = await load.stop();
      assert.deepEqual([slowSent, slowOk, acknowledged], [1, 1, ids]);
      assert.ok(took[0]! > 500, `${took[0]} ms`);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
  it("reports a connection that is refused (negative control)", async () => {
    const before = Date.now();
    const report = await during("http://127.0.0.1:9", 0.5);
    assert.equal(report.ok, 0);
    assert.equal(report.failed.length, report.sent);
    for (const { began, ended } of report.failed)
      assert.ok(before - 50 < began && began <= ended && ended < Date.now() + 50, `${before} ${began} ${ended}`);
    assert.throws(() => controlled(report), /ECONNREFUSED/);
  });
});

describe("a single service that is replaced", () => {
  const at = (seconds: number, service: string, action: string) => `${seconds * 1e9} ${service} ${action}`;
  const failed = (began: number, ended: number) => ({ what: "GET kept: ECONNREFUSED", began, ended });

  it("is away from the first signal to the next good check; what only gets healthy, or is many, is not", () => {
    const lines = [
      at(1, "redis", "health_status: healthy"),
      at(2, "edge", "kill"),
      at(3, "api", "kill"),
      at(4, "edge", "kill"),
      at(5, "edge", "health_status: unhealthy"),
      at(6, "edge", "health_status: healthy"),
      at(7, "api", "health_status: healthy"),
      at(8, "redis", "kill"),
    ];
    assert.deepEqual(awayIn(lines, ["edge", "redis"]), [{ service: "edge", began: 2000, ended: 6000 }]);
  });
  it("is met by the requests that overlap with it, and by no other (negative control)", () => {
    const away = [{ service: "edge", began: 20_000, ended: 22_000 }];
    const met = [failed(10_000, 20_500), failed(21_000, 21_001), failed(21_500, 40_000)];
    const others = [failed(10_000, 18_000), failed(24_000, 25_000)];
    assert.deepEqual(failedDuring([...met, ...others], away), met);
    assert.deepEqual(failedDuring(others, []), []);
  });
});

describe("a heavier write", () => {
  it("has more in the part of its body that takes anything", () => {
    const { body } = heavier({ path: "/", body: { id: "a", payload: { at: 1 } } }, { text: "x" });
    assert.deepEqual(body, { id: "a", payload: { at: 1, text: "x" } });
  });
  it("is refused where there is none", () => {
    assert.throws(() => heavier({ path: "/tasks", body: { title: "a" } }, {}), /\/tasks takes nothing but title/);
  });
});
