import assert from "node:assert/strict";
import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const AGENT = readFileSync(join(import.meta.dirname, "../../../services/edge/bin/edge-agent"), "utf8");
const FUNCTIONS = new Map(
  [...AGENT.matchAll(/^(\w+)\(\) \{(?:.*\}(?: #.*)?$|[^]*?^\}$)/gm)].map(([text, name]): [string, string] => [
    name!,
    text,
  ]),
);
const LOG = FUNCTIONS.get("log")!;

/** What the edge's agent writes, as whoever collects lines reads it. */
function logged(message: string): Record<string, string> {
  const line = execFileSync("bash", ["-c", `${LOG}\nlog ERROR "$1"`, "bash", message], { encoding: "utf8" });
  assert.match(line, /^[^\n]+\n$/, "one message is one line");
  return JSON.parse(line) as Record<string, string>;
}

describe("the edge's agent", () => {
  it("logs JSON with its time, service and level", () => {
    const { ts, ...rest } = logged("release a is live");
    assert.deepEqual(rest, { service: "edge", level: "ERROR", msg: "release a is live" });
    assert.match(ts!, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}$/);
  });
  for (const [what, message, expected] of [
    ["quotes", 'unknown directive "gzip_perhaps"', 'unknown directive "gzip_perhaps"'],
    ["a backslash", "location ~ \\.php$", "location ~ \\.php$"],
    ["a backslash before a quote", 'ends with \\"', 'ends with \\"'],
    ["an ampersand", "a & b", "a & b"],
    ["a percent sign", "100%s", "100%s"],
    [
      "two lines",
      "/a on listener 1 answers 500\n/b on listener 1 answers 502",
      "/a on listener 1 answers 500; /b on listener 1 answers 502",
    ],
    ["other control characters", "a\tb\rc", "a b c"],
  ] as const)
    it(`logs a message with ${what} as JSON`, () => assert.equal(logged(message)["msg"], expected));
  for (const [what, memory, files, expected] of [
    ["its memory", 512, 16_384, 3373],
    ["little memory", 128, 16_384, 481],
    ["the files that the engine lets it open", 512, 1024, 480],
    ["a bound of its own, where nothing else bounds", undefined, 16_384, 4096],
  ] as const)
    it(`lets so many connections be as suit ${what}`, () => assert.equal(connections(memory, files), expected));
});

describe("the edge's agent, of services that were busy,", () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-busy-"));
  after(() => rmSync(folder, { recursive: true }));
  /** @returns what it started, with what it was given */
  const forget = (): string => {
    const script = `shopt -s nullglob\nbusy=${folder}\nfind() { echo "find $*"; command find "$@"; }\n${FUNCTIONS.get("forget_busy")!}\nforget_busy`;
    return execFileSync("bash", ["-euo", "pipefail", "-c", script], { encoding: "utf8" });
  };
  it("starts nothing where there is none", () => assert.equal(forget(), ""));
  it("forgets those that refused nothing for three seconds, and no other", () => {
    for (const [name, age] of [
      ["api", 1],
      ["agent", 5],
    ] as const) {
      writeFileSync(join(folder, name), "");
      const then = Date.now() / 1000 - age;
      utimesSync(join(folder, name), then, then);
    }
    assert.match(forget(), /^find \S+agent \S+api /);
    assert.deepEqual(readdirSync(folder), ["api"]);
  });
});

/** How many connections a worker of nginx gets. @param memory MiB; none: not limited. @param files That may be open. */
function connections(memory: number | undefined, files: number): number {
  const constants = AGENT.match(/^readonly (?:KIB_EACH|OTHER_FILES)=.*$/gm)!.join("\n");
  const script = `ulimit -n ${files}\n${constants}\nmemory() { echo ${memory ?? ""}; }\n${FUNCTIONS.get("connections")!}\nconnections`;
  return Number(execFileSync("bash", ["-euo", "pipefail", "-c", script], { encoding: "utf8" }));
}

/** A container with several ports: servers of this machine, which answer or do not. */
describe("the edge's agent, of a service with two ports,", () => {
  const HEAD = /^status=[^]*?^declare -A address failures$/m.exec(AGENT)![0];
  const servers: Server[] = [];
  let folder = "";
  let ports: number[] = [];
  /** Status that each port answers with. */
  let answers = [200, 200];
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "berth-agent-"));
    for (const n of [0, 1]) {
      const server = createServer((_, response) => response.writeHead(answers[n]!).end());
      servers.push(server.listen(0, "127.0.0.1"));
      await once(server, "listening");
    }
    ports = servers.map((server) => (server.address() as AddressInfo).port);
    const lines = [`nexus ${ports[0]} /healthz nexus-1 nexus-2`, `nexus_mcp ${ports[1]} /health nexus-1 nexus-2`];
    writeFileSync(join(folder, "upstreams"), lines.map((line) => `${line}\n`).join(""));
  });
  after(() => {
    for (const server of servers) server.close();
    rmSync(folder, { recursive: true });
  });

  /** Runs lines of bash with the agent's functions; both containers have the address of this machine. */
  async function agent(lines: string): Promise<string> {
    const names = ["log", "down", "any_up", "memory", "connections", "bounds", "render", "probe", "upstreams_up"];
    const functions = names.map((name) => FUNCTIONS.get(name)!).join("\n");
    const script = `set -euo pipefail\n${HEAD}\ncurrent=${folder}\n${functions}
      resolve() { echo "\${AT:-127.0.0.1}"; }
      address=([nexus-1]=127.0.0.1 [nexus-2]=127.0.0.1) changed=0\n${lines}`;
    const { stdout } = await promisify(execFile)("bash", ["-c", script]);
    return stdout;
  }
  const SEEN = 'echo "$changed"; upstreams_up | sort; render "$current"; grep server "$current/upstreams.conf"';

  it("takes the port out of the routes that does not answer, and leaves the other in, whichever comes first", async () => {
    for (const deaf of [0, 1]) {
      answers = [200, 200].map((status, n) => (n === deaf ? 500 : status));
      // One of the two containers still answers there: it stays.
      const said = await agent(`failures[nexus-2:${ports[deaf]}]=-9; probe; probe; echo "$changed"; probe; ${SEEN}`);
      assert.match(said, /^0\n\{.*"nexus-1 does not answer on port \d+: out of the routes"\}\n1\n/);
      assert.match(said, /\nedge_upstream_up\{container="nexus-1"\} 0\nedge_upstream_up\{container="nexus-2"\} 1\n/);
      const out = said.split("\n").filter((line) => line.includes(" down;"));
      assert.deepEqual(out, [`  server 127.0.0.1:${ports[deaf]} down; # nexus-1 does not answer`]);
    }
  });
  it("has a connection to a service for every request, were all of them one worker's", async () => {
    await agent('connections() { echo 1000; }; render "$current"');
    const said = ["connections", "requests"].map((name) => readFileSync(join(folder, `${name}.conf`), "utf8"));
    const [connections, all, one] = [...said.join("").matchAll(/ (\d+);/g)].map(([, number]) => Number(number));
    assert.deepEqual([connections, all, one], [1000, 400, 333]);
  });
  it("takes it in again when it answers", async () => {
    answers = [200, 200];
    const said = await agent(`failures[nexus-1:${ports[1]}]=3; probe; ${SEEN}`);
    assert.match(said, new RegExp(`"nexus-1 answers again on port ${ports[1]}"\\}\\n1\\n`));
    assert.doesNotMatch(said, /up\{.*\} 0| down;/);
  });
  it("tells Prometheus of a container once", async () => {
    answers = [200, 200];
    const said = await agent(`probe; ${SEEN}`);
    assert.match(said, /^0\n/);
    assert.equal(said.match(/^edge_upstream_up/gm)!.length, 2);
  });
  it("follows a container to another address on all of its ports at once, and counts it as no failure", async () => {
    answers = [500, 500];
    const said = await agent('AT=127.0.0.2 probe; echo "${failures[@]}"');
    assert.equal(said.match(/nexus-1 is now at 127\.0\.0\.2/g)!.length, 1, said);
    assert.match(said, /\n0 0 0 0\n$/);
  });
});

/** A process with connections, as a worker of nginx has them: to services, and from clients. */
describe("the edge's agent, of a worker that is told to end,", () => {
  const HOLDS = `
    const net = require("node:net");
    const [own, ...to] = process.argv.slice(1).map(Number);
    const server = net.createServer(() => undefined).listen(own, "127.0.0.1", () => {
      let left = to.length;
      for (const port of to) net.connect(port, "127.0.0.1", () => --left || console.log("connected"));
    });`;
  let folder = "";
  const services: Server[] = [];
  const portOf = (n: number): number => (services[n]!.address() as AddressInfo).port;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "berth-agent-"));
    for (const n of [0, 1, 2]) {
      services.push(createServer().listen(0, "127.0.0.1"));
      await once(services[n]!, "listening");
    }
  });
  after(() => {
    for (const service of services) service.close();
    rmSync(folder, { recursive: true });
  });

  /** @param websockets Ports of WebSockets. @param to What it is connected with. @param clients How many it has. */
  async function ends(websockets: readonly number[], to: readonly number[], clients: number): Promise<boolean> {
    writeFileSync(join(folder, "websockets"), websockets.map((port) => `${port}\n`).join(""));
    const own = createServer().listen(0, "127.0.0.1");
    await once(own, "listening");
    const { port } = own.address() as AddressInfo;
    await new Promise((resolve) => own.close(resolve));
    const worker = spawn(process.execPath, ["-e", HOLDS, String(port), ...to.map(String)]);
    await once(worker.stdout, "data");
    const sockets = await Promise.all(
      Array.from({ length: clients }, async () => {
        const socket = connect(port, "127.0.0.1");
        await once(socket, "connect");
        return socket;
      }),
    );
    // The kernel hands a connection over a moment after its client has it.
    await new Promise((resolve) => setTimeout(resolve, 100));
    const script = `current=${folder}\n${FUNCTIONS.get("only_websockets")!}\nonly_websockets /proc/${worker.pid}/cmdline`;
    try {
      await promisify(execFile)("bash", ["-euo", "pipefail", "-c", script]);
      return true;
    } catch {
      return false;
    } finally {
      for (const socket of sockets) socket.destroy();
      worker.kill();
    }
  }

  it("does not wait for WebSockets, and for everything else", async () => {
    const [first, second, other] = [portOf(0), portOf(1), portOf(2)];
    assert.equal(await ends([first, second], [first, second, second], 3), true);
    assert.equal(await ends([first], [first], 2), false, "a client sends a request");
    assert.equal(await ends([first], [first, other], 2), false, "a request is answered");
    assert.equal(await ends([first], [other], 1), false, "there is no WebSocket");
    assert.equal(await ends([], [first], 1), false, "no port takes them");
  });
});
