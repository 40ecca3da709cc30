/** What Kailash does for its users, on a stack that runs it: the verifications of its requirements (KD-61). */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { systems } from "../../../systems/index.ts";
import { docker, eventually } from "../../stack/command.ts";
import type { World } from "../../stack/world.ts";
import { cypher } from "../../stores/neo4j.ts";
import { Client, type Found } from "./client.ts";
import { mcpCall } from "./mcp.ts";

const SERVICES = ["api", "mcp", "nexus", "dataflow"];
const TOOLS = ["add_document", "ask", "find_documents"];

/** MB that an image which is built may have (KD-63). */
const LARGEST = 500;

export function application(world: World<Client>): void {
  const { stack } = world;
  const { project } = stack;
  const first = async (service: string): Promise<string> => (await project.running(service))[0]!;
  const nexus = async (...words: string[]): Promise<unknown> =>
    JSON.parse(await docker("exec", await first("nexus"), "nexus", ...words));
  const stored = async (title: string, text: string): Promise<string> => {
    const { status, body } = await stack.session.store(title, text);
    assert.equal(status, 202, JSON.stringify(body));
    const { id } = body as { id: string };
    await eventually(async () => assert.equal((await stack.session.document(id)).state, "indexed"), 60);
    return id;
  };
  /** A name that nothing else has, so that its neighbours are known. */
  const letters = async () => {
    const name = `Ada ${randomUUID().slice(0, 8).replace(/\d/g, "x")}lace`;
    const capital = name.replace(/ (.)/, (_, letter: string) => ` ${letter.toUpperCase()}`);
    const text = `${capital} wrote to Charles Babbage about engines. She met Mary Somerville in London.`;
    return { name: capital, id: await stored(`Letters of ${capital}`, text) };
  };

  it("01: the API is healthy, and lets nobody in without a token", async () => {
    for (const container of await project.running("api")) await stack.check("api", container);
    const anybody = new Client(stack.edge, "");
    for (const path of ["/v1/documents", "/mcp", "/nexus/workflows", "/mcp/ws", "/nexus/mcp"])
      assert.equal((await anybody.get(path)).status, 401, path);
  });

  it("02: the official client speaks MCP with it over HTTP and over WebSocket, through the edge", async () => {
    const { name } = await letters();
    for (const [how, path] of [
      ["http", "/mcp"],
      ["websocket", "/mcp/ws"],
    ] as const) {
      const told = await mcpCall(stack, how, path, "ask", { question: `Who is ${name}?` });
      assert.deepEqual([told.tools, told.error], [TOOLS, false], how);
      const { passages, neighbours } = JSON.parse(told.text) as Found;
      assert.match(passages[0]!.text, new RegExp(name));
      assert.ok(
        neighbours.some(({ neighbour }) => neighbour === "Charles Babbage"),
        JSON.stringify(neighbours),
      );
      await assert.rejects(mcpCall(stack, how, path, "ask", { question: "Who?" }, "no token of ours, and long"), how);
    }
  });

  it("03: a workflow of Nexus answers on its three channels: API, CLI and MCP", async () => {
    const { name } = await letters();
    const question = `Who wrote to Charles Babbage, ${name}?`;
    const byApi = await stack.session.run<Found>("ask", { question });
    const byCli = (await nexus("ask", question)) as Found;
    const told = await mcpCall(stack, "websocket", "/nexus/mcp", "ask", { question });
    assert.ok(byApi.passages.length > 0);
    assert.deepEqual(byCli, byApi);
    assert.ok(told.text.includes(name), told.text);
    assert.ok(((await nexus("list")) as object) !== null);
  });

  it("03: KD-14: a session of Nexus that was opened on one channel goes on on another", async () => {
    const { session } = await stack.session.run<{ session: string }>("open_session", {});
    const again = (await nexus("run", "session", `session=${session}`, "channel=cli")) as { channels: string[] };
    assert.deepEqual(again.channels, ["api", "cli"]);
  });

  it("04: DataFlow's generated nodes write PostgreSQL, vectors beside them; the graph knows the names", async () => {
    const { name, id } = await letters();
    const rows = await stack.query(
      `SELECT count(*) FROM passages p JOIN passage_vectors v ON v.passage = p.id WHERE p.document = '${id}';`,
    );
    assert.equal(rows, "1");
    const linked = await cypher(project, `MATCH (:Entity {name: "${name}"})-[r:RELATED]->(e) RETURN r.as, e.name`);
    assert.deepEqual(linked, [["wrote to", "Charles Babbage"]]);
    const nodes = await docker("exec", await first("dataflow"), "cat", "/var/lib/service/nodes.json");
    assert.match(nodes, /DocumentBulkCreateNode/);
    const question = await stack.session.ask(`Who is ${name}?`);
    const { passages } = question.body as Found;
    assert.equal(passages[0]!.document, id);
  });

  it("bad input: what no database takes is refused, and text in capitals from end to end is indexed", async () => {
    for (const text of ["a\u0000b", "\ud800"])
      assert.equal((await stack.session.store("bad", text)).status, 422, JSON.stringify(text));
    await stored("capitals", "ALL OF IT IN CAPITALS ".repeat(1000));
  });

  it("08: KD-32: every container has the limits of the plan", async () => {
    const { services } = project.plan();
    const limited = services.filter(({ name }) => name !== "backup");
    for (const { name, limits } of limited) {
      const [container] = await project.running(name);
      const told = await docker("inspect", "-f", "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}", container!);
      const [memory, cpus] = told.split(" ").map(Number) as [number, number];
      assert.equal(memory, limits.memory * 2 ** 20, name);
      assert.ok(cpus === 0 || Math.abs(cpus / 1e9 - limits.cpus) < 0.01, `${name}: ${cpus}`);
    }
  });

  it("09: KD-28, KD-64: every container is healthy, by a check of its own", async () => {
    await project.assertDeclared();
    assert.deepEqual(await project.unhealthy(), []);
  });

  it("09: KD-29, KD-30: readiness is that of the databases, and of everything above them", async () => {
    const ready = async (service: string, port: number): Promise<number> =>
      Number(
        await docker(
          ...["exec", await first(service), "curl", "-s", "-m", "12", "-o", "/dev/null", "-w", "%{http_code}"],
          `http://127.0.0.1:${port}/ready`,
        ),
      );
    const all = () => Promise.all([ready("dataflow", 8004), ready("api", 8000), ready("mcp", 8001)]);
    await eventually(async () => assert.deepEqual(await all(), [200, 200, 200]), 30);
    const postgres = await project.container("postgres");
    await docker("pause", postgres);
    try {
      assert.deepEqual(await all(), [503, 503, 503]);
      for (const container of await project.running("api")) await stack.check("api", container);
    } finally {
      await docker("unpause", postgres);
    }
    await eventually(async () => assert.deepEqual(await all(), [200, 200, 200]), 60);
  });

  it("09: KD-07: without the graph questions wait and documents are taken, and linked when it is back", async () => {
    const neo4j = await project.container("neo4j");
    await docker("pause", neo4j);
    let id: string;
    try {
      const { status, headers } = await stack.session.ask("Who wrote to Charles Babbage?");
      assert.equal(status, 503);
      assert.ok(headers.get("retry-after"));
      const taken = await stack.session.store("Without the graph", "Linus Torvalds wrote Git in Portland.");
      assert.equal(taken.status, 202);
      id = (taken.body as { id: string }).id;
    } finally {
      await docker("unpause", neo4j);
    }
    await eventually(async () => assert.equal((await stack.session.document(id)).state, "indexed"), 90);
  });

  it("KD-56, KD-63: its images are no larger than they may be; those of others are told", async () => {
    const running = await project.output<Record<string, string>>("images");
    const size = async (image: string) =>
      Math.round(Number(await docker("image", "inspect", "--format", "{{.Size}}", image)) / 1e6);
    for (const service of ["api", "neo4j-users", "edge", "backup"]) {
      const megabytes = await size(running[service]!);
      console.log(`      that of ${service}: ${megabytes} MB`);
      assert.ok(megabytes < LARGEST, service);
    }
    for (const service of ["postgres", "redis", "neo4j"])
      console.log(
        `      ${service}: ${await size(await docker("inspect", "--format", "{{.Image}}", await first(service)))} MB`,
      );
  });

  it("10: KD-57, KD-65: every service reaches what it needs, and stores nobody else", async () => {
    for (const service of SERVICES)
      for (const container of await project.running(service)) {
        const url = `http://127.0.0.1:${project.known.service(service).port}/ready`;
        await docker("exec", container, "curl", "-fsS", "-m", "12", "-o", "/dev/null", url);
      }
    const unknown = docker("exec", await first("api"), "getent", "hosts", "postgres");
    await assert.rejects(unknown, "the api finds the database");
  });

  it("13: KD-39, KD-42: everything is scraped, and Neo4j tells of itself", async () => {
    const { prometheus } = world;
    await eventually(async () => {
      assert.equal(await prometheus.number("neo4j_up"), 1);
      assert.ok((await prometheus.number("neo4j_nodes")) > 0);
      // What fails by name has no name before it failed.
      const told = systems.kailash.drawings.flatMap(({ metrics }) => metrics).filter((one) => !one.includes("error"));
      assert.deepEqual(await prometheus.silent(told), []);
    }, 120);
  });
}
