/** Promise 15: whatever clients do, the edge goes on, and everybody else is answered. */
import assert from "node:assert/strict";
import { EDGE_HTTPS } from "../../plan/routes.ts";
import { inAll } from "../length.ts";
import { command, docker, engineNow, eventually, good, sleep } from "../stack/command.ts";
import { head, HeldConnection, type Place, placeOf } from "../stack/slow-client.ts";
import type { World } from "../stack/world.ts";

const MB = 1e6;
/** As long as the edge takes, but for a little. */
const LONG = 9.8 * MB;
/** More than the edge lets wait at a time (edge/nginx.conf). */
const UPLOADS = 90;
const LIMIT = 64;
/** More than the edge has connections for (services/edge/bin/edge-agent). */
const IDLE = 7500;
const SLOW = 400;
const READERS = 60;
/** Seconds that the edge waits for headers. */
const HEADERS = 10;

/** What the edge refuses by itself, and the status. */
const REFUSED: readonly (readonly [what: string, request: string, status: number])[] = [
  ["no request", "hello\r\n\r\n", 400],
  ["no host", "GET / HTTP/1.1\r\n\r\n", 400],
  ["what is not public", `${head("GET", "/metrics")}\r\n`, 404],
  ["a place of its own", `${head("GET", "/.edge/refused")}\r\n`, 404],
  ["a method that no server should know", `${head("TRACE", "/")}\r\n`, 405],
  ["a long body", `${head("POST", "/", { "Content-Length": 100 * MB })}\r\n`, 413],
  ["a long address", `${head("GET", `/${"a".repeat(9000)}`)}\r\n`, 414],
  ["a long header", `${head("GET", "/", { "X-Long": "a".repeat(9000) })}\r\n`, 431],
  ["an unknown transfer encoding", `${head("POST", "/", { "Transfer-Encoding": "none" })}\r\n`, 501],
  ["an unknown version", "GET / HTTP/9.1\r\nHost: edge\r\n\r\n", 505],
];

export function clients({ stack, authority }: World): void {
  const { project, driver } = stack;
  /** The container's beginning: another one after it was killed. */
  const edge = async (): Promise<string> =>
    docker("inspect", "--format", "{{.Id}} {{.State.StartedAt}} {{.RestartCount}}", await project.container("edge"));
  const published = (): Place => placeOf(stack.edge, authority.certificate);
  /** The container itself: what the engine puts before it has bounds of its own. */
  const inside = async (): Promise<Place> => {
    const format = "{{range .NetworkSettings.Networks}}{{println .IPAddress}}{{end}}";
    const addresses = await docker("inspect", "--format", format, await project.container("edge"));
    return { ...published(), host: addresses.trim().split("\n")[0]!, port: EDGE_HTTPS, elsewhere: true };
  };
  const upload = async (count: number): Promise<HeldConnection[]> => {
    const { path } = driver.effects.direct.write(crypto.randomUUID());
    const text = `${head("POST", path, { "Content-Type": "application/json", "Content-Length": LONG + 1 })}\r\n`;
    const all = Array.from({ length: count }, () => new HeldConnection(published(), text));
    await Promise.all(all.map((one) => one.send(LONG)));
    return all;
  };
  /** So many at a time begin together: more would be more than a machine has room for in its queue of connections. */
  const together = async (count: number, begin: () => HeldConnection): Promise<HeldConnection[]> => {
    const all: HeldConnection[] = [];
    while (all.length < count) {
      const some = Array.from({ length: Math.min(100, count - all.length) }, begin);
      all.push(...some);
      await Promise.all(some.map(({ begun }) => begun));
    }
    return all;
  };
  /**
   * Everybody else is answered while these are there, and the edge is the same as before.
   * @returns these, and how many of them were connected to the end.
   */
  const survives = async (begin: () => Promise<HeldConnection[]>, seconds: number) => {
    const before = await edge();
    let all: HeldConnection[] = [];
    let memory = "";
    await stack.lossless(async () => {
      all = await begin();
      await sleep(seconds * 1000);
      memory = await docker("stats", "--no-stream", "--format", "{{.MemUsage}}", await project.container("edge"));
    });
    const open = all.filter(({ closed }) => !closed).length;
    for (const one of all) one.close();
    assert.equal(await edge(), before, "the edge was started again");
    console.log(`      ${all.length} clients, ${open} of them still connected; the edge has ${memory}`);
    return { all, open };
  };

  it(`promise 15: ${UPLOADS} clients, none of them logged in, hold uploads of ${LONG / MB} MB: some are refused, everybody else is answered`, async () => {
    const { all } = await survives(() => upload(UPLOADS), 5);
    const refused = all.filter(({ answer }) => answer !== "");
    assert.ok(refused.length >= UPLOADS - LIMIT, `${refused.length} of ${UPLOADS} were refused`);
    for (const { answer } of refused) {
      assert.match(answer, /^HTTP\/1\.1 503 /);
      assert.match(answer, /^retry-after: \d+/im);
      assert.match(answer, /\{"error":"unavailable"/);
    }
  });

  it(`promise 15: ${IDLE} connections say nothing, more than there is room for: everybody else is answered`, async () => {
    const place = await inside();
    const since = String(Math.floor(await engineNow()));
    await survives(() => together(IDLE, () => new HeldConnection({ ...place, ca: undefined })), 3);
    // Had there been room for all of them, this would prove less than it should.
    const { output } = await command("docker", ["logs", "--since", since, await project.container("edge")]);
    assert.match(output, /worker_connections are not enough, reusing connections/);
  });

  it(`promise 15: ${SLOW} clients do not end their headers: they are let go after ${HEADERS} s, everybody else is answered`, async () => {
    const place = await inside();
    const text = `${head("GET", "/", { "X-Long": "a".repeat(7900), "X-Longer": "b".repeat(7000) })}X-End: `;
    const { open } = await survives(() => together(SLOW, () => new HeldConnection(place, text)), HEADERS + 2);
    assert.equal(open, 0);
  });

  it(`promise 15: ${READERS} clients do not read a large answer: everybody else is answered`, async () => {
    const place = await inside();
    const reader = await driver.enter(stack.edge, "reader");
    const path = await driver.large(reader, MB);
    const compressed = { Authorization: `Bearer ${reader.token}`, "Accept-Encoding": "gzip" };
    const text = `${head("GET", path, compressed)}\r\n`;
    await survives(() => together(READERS, () => new HeldConnection(place, text, false)), 3);
  });

  it("promise 15: what the edge refuses by itself is JSON, with the id of the request", async () => {
    for (const [what, request, status] of REFUSED) {
      const client = new HeldConnection(published(), request);
      await eventually(() => Promise.resolve(assert.match(client.answer, /\{"error":"[^"]+"\}$/, what)), 5);
      client.close();
      assert.match(client.answer, new RegExp(`^HTTP/1\\.1 ${status}\\b`), what);
      assert.match(client.answer, /^content-type: application\/json\r$/im, what);
      assert.match(client.answer, /^x-request-id: [0-9a-f]{32}\r$/im, what);
    }
  });

  inAll("the same with bodies kept in memory ends the edge (negative control)", async () => {
    const before = await edge();
    const onDisk = project.read("edge/nginx.conf");
    const sized = project.read("systems/parts/edge.ts");
    project.edit("edge/nginx.conf", (text) =>
      text.replace("/scratch/body", "/tmp/body").replace("limit_conn long_bodies 64", "limit_conn long_bodies 1000"),
    );
    project.edit("systems/parts/edge.ts", (text) =>
      text.replace("size=32m", "size=1024m").replace("memory: 512", "memory: 128"),
    );
    await good(project.up());
    const all = await upload(UPLOADS);
    await eventually(async () => assert.notEqual((await edge()).split(" ")[2], before.split(" ")[2]), 30);
    for (const one of all) one.close();
    project.write("edge/nginx.conf", onDisk);
    project.write("systems/parts/edge.ts", sized);
    await good(project.up());
    await eventually(() => stack.isReady());
  });
}
