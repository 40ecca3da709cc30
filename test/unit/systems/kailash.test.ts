import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { routesOf } from "../../../plan/routes.ts";
import type { Plan } from "../../../plan/types.ts";
import { systems } from "../../../systems/index.ts";
import { ROOT } from "../support.ts";
import { ENVIRONMENTS, planner, serviceOf as of, variableOf as variable } from "./planned.ts";

const { planned, problems, plans } = planner("kailash");
const SERVICES = "api mcp nexus dataflow postgres redis neo4j edge".split(" ");
const CHANNELS = ["api", "mcp", "nexus"];
const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");

describe("systems/kailash", () => {
  it("KD-01 to KD-08, KD-35: has its services in each environment, behind the edge", () => {
    for (const plan of Object.values(plans))
      assert.deepEqual(
        SERVICES.filter((name) => of(plan, name) === undefined),
        [],
        plan.stack,
      );
  });
  it("KD-08, KD-20, KD-22: users reach API, MCP and Nexus through the edge, WebSockets by their own ports", () => {
    for (const plan of Object.values(plans)) {
      const routes = plan.services.flatMap((service) =>
        routesOf(service).map(({ public: path, internal, port = service.port }) => [
          service.name,
          path ?? `edge:${internal}`,
          port,
        ]),
      );
      assert.deepEqual(routes, [
        ["dataflow", "edge:8004", 8004],
        ["api", "/v1", 8000],
        ["mcp", "/mcp", 8001],
        ["mcp", "/mcp/ws", 8002],
        ["nexus", "/nexus", 8003],
        ["nexus", "/nexus/mcp", 8005],
      ]);
      // What a release does not wait for, because its service ends it.
      assert.equal(of(plan, "edge-routes").config!["websockets"], "8002\n8005\n");
    }
  });
  it("KD-19, KD-22: publishes the edge, and what watches, on this machine; of stores none anywhere", () => {
    for (const plan of Object.values(plans)) {
      const outward = plan.services.flatMap(({ name, ports }) => ports.map(({ ip }) => `${name} ${ip}`));
      for (const one of outward) assert.match(one, plan === plans.prod ? /^edge 0|127\.0\.0\.1$/ : /127\.0\.0\.1$/);
      for (const name of ["postgres", "redis", "neo4j"]) {
        assert.deepEqual(of(plan, name).ports, [], name);
        assert.deepEqual(of(plan, name).networks, ["data"], name);
      }
    }
    assert.match(problems("prod", { "berth:ports": { edge: 80, neo4j: 7687 } })[0]!.key, /berth:ports/);
  });
  it("KD-05 to KD-07: runs PostgreSQL with vectors, Redis and Neo4j community", () => {
    const images = ["postgres", "redis", "neo4j"].map((name) => of(plans.prod, name).image);
    assert.deepEqual(images, [
      { pull: "pgvector/pgvector:pg17-trixie" },
      { pull: "redis:8.10" },
      { pull: "neo4j:5.26-community" },
    ]);
  });
  it("KD-09 to KD-11, KD-43: builds one image on Python 3.11, and nothing of it runs as root", () => {
    const { kailash } = plans.prod.images;
    assert.deepEqual([kailash!.args["PYTHON_IMAGE"], kailash!.target], ["python:3.11-slim", "runtime"]);
    assert.ok(existsSync(join(ROOT, kailash!.dockerfile!)));
    for (const name of [...CHANNELS, "dataflow", "migrate"]) {
      assert.deepEqual(of(plans.prod, name).image, { build: "kailash" });
      assert.equal(of(plans.prod, name).uid, 10001, name);
    }
    const roots = plans.prod.services.filter(({ uid }) => uid === 0).map(({ name }) => name);
    assert.deepEqual(roots, ["collector"]);
  });
  it("KD-12: gives what runs longer than its requests, and its WebSockets' drain", () => {
    for (const name of ["mcp", "nexus"]) {
      const service = of(plans.prod, name);
      assert.ok(service.stopGrace >= 50 + Number(variable(service, "DRAIN_SECONDS")) + 10, name);
    }
    assert.equal(variable(of(plans.prod, "mcp"), "WEBSOCKET_CONNECTIONS"), "200");
  });
  it("MCP: takes requests by the name that users type, and by no other", () => {
    const allowed = (plan: Plan) => variable(of(plan, "mcp"), "MCP_ALLOWED_HOSTS")!.split(",");
    const own = planned("prod", { "berth:publicUrl": "https://kd.example.org" });
    for (const host of ["kd.example.org", "kd.example.org:*", "127.0.0.1:*"])
      assert.ok(allowed(own).includes(host), host);
    assert.ok(!allowed(plans.prod).includes("kd.example.org"));
  });
  it("KD-14, KD-25, KD-33: keeps sessions in Redis and nodes on a volume; two of each service in stage and prod", () => {
    assert.match(of(plans.prod, "nexus").secrets!["redis-url"]!, /^redis:/);
    assert.deepEqual(
      of(plans.prod, "dataflow").volumes!.map(({ name, path, keep }) => [name, path, keep]),
      [["dataflow-nodes", variable(of(plans.prod, "dataflow"), "NODE_CACHE_DIR"), "data"]],
    );
    for (const plan of [plans.stage, plans.prod])
      for (const name of [...CHANNELS, "dataflow"]) assert.equal(of(plan, name).replicas, 2, name);
  });
  it("KD-16, KD-36: counts the connections of both pools against what PostgreSQL takes", () => {
    const dataflow = of(plans.prod, "dataflow");
    const nodes = Number(variable(dataflow, "NODE_POOL_SIZE"));
    assert.deepEqual(dataflow.connections, { variable: "DB_POOL_SIZE", besides: nodes + 2 });
    const many = problems("prod", { "berth:postgres": { maxConnections: 30, poolSize: 20 } });
    assert.match(many.map(({ key }) => key).join(), /berth:postgres\.maxConnections/);
  });
  it("KD-18: migrates before anybody uses the tables, and asks the database for the newest version", () => {
    for (const plan of Object.values(plans)) {
      assert.deepEqual(of(plan, "migrate").after, ["postgres-roles", "neo4j-users"]);
      assert.deepEqual(of(plan, "dataflow").after, ["migrate", "neo4j-users"]);
      assert.match(plan.schemaVersion!.command.at(-1)!, /max\(version\) FROM public\.schema_migrations/);
    }
  });
  it("KD-26, KD-47, KD-48: seeds, reloads, listens for a debugger and says more in dev, which prod refuses", () => {
    const dev = of(plans.dev, "api");
    assert.deepEqual(
      ["RELOAD", "DEBUG_PORT", "LOG_LEVEL"].map((name) => variable(dev, name)),
      ["true", "5678", "DEBUG"],
    );
    assert.deepEqual(
      ENVIRONMENTS.map((name) => variable(of(plans[name], "migrate"), "SEED")),
      ["true", "true", undefined],
    );
    assert.equal(variable(of(plans.prod, "api"), "DEBUG_PORT"), undefined);
    const refused = problems("prod", { "berth:seed": true, "berth:debug": true });
    assert.deepEqual(
      refused.map(({ key }) => key),
      ["berth:debug", "berth:seed"],
    );
    for (const path of Object.keys(dev.sources)) assert.ok(existsSync(join(ROOT, path)), path);
  });
  it("KD-28 to KD-30: asks each service for itself; dataflow with its database; everybody waits for what is below", () => {
    const asked = (name: string) => of(plans.prod, name).health.test[2];
    assert.match(asked("dataflow")!, /:8004\/ready\?scope=data$/);
    for (const name of CHANNELS) {
      assert.match(asked(name)!, /\/health$/);
      assert.ok(of(plans.prod, name).after.includes("dataflow"), name);
      assert.equal(variable(of(plans.prod, name), "DATAFLOW_URL"), "http://edge:8004");
    }
  });
  it("KD-32: limits every container of prod", () => {
    for (const { name, limits } of plans.prod.services) assert.ok(limits.memory > 0 && limits.cpus > 0, name);
  });
  it("KD-34: gives secrets as files, to those alone who need them", () => {
    for (const { name, environment } of plans.prod.services)
      for (const line of environment) assert.doesNotMatch(line, /@\{\w*([Pp]assword|[Tt]oken|Key)\b/, name);
    const readers = (key: string) =>
      plans.prod.services.filter(({ secrets }) => JSON.stringify(secrets ?? {}).includes(key)).map(({ name }) => name);
    assert.deepEqual(readers("@{apiToken}"), ["dataflow", ...CHANNELS]);
    assert.deepEqual(readers("@{neo4jAdminPassword}"), ["neo4j-users", "neo4j-prune"]);
  });
  it("KD-39, KD-42: scrapes everything that tells something", () => {
    for (const plan of Object.values(plans))
      for (const name of [...CHANNELS, "dataflow", "postgres-exporter", "redis-exporter", "neo4j-exporter", "edge"])
        assert.match(of(plan, "prometheus").config!["prometheus.yml"]!, new RegExp(`"${name}"`), name);
  });
  it("KD-24, KD-49: makes backups in stage and prod, of every store", () => {
    assert.equal(of(plans.dev, "backup"), undefined);
    for (const plan of [plans.stage, plans.prod]) {
      const told = JSON.parse(of(plan, "backup").config!["stores.json"]!) as { name: string; given: object }[];
      assert.deepEqual(
        told.map(({ name }) => name),
        ["postgres", "redis", "neo4j"],
      );
      assert.ok("versions" in told[0]!.given);
    }
  });
  it("reaches the internet where a key is configured, and dataflow alone", () => {
    const outward = (plan: Plan) =>
      plan.services.filter(({ networks }) => networks.includes("egress")).map(({ name }) => name);
    assert.deepEqual(outward(plans.prod), []);
    const own = planned("prod", {}, ["embeddingsKey"]);
    assert.deepEqual(outward(own), ["dataflow"]);
    assert.equal(variable(of(own, "dataflow"), "EMBEDDINGS_KEY_FILE"), "/etc/berth/secrets/embeddings-key");
  });
});

describe("the store neo4j", () => {
  const neo4j = of(plans.prod, "neo4j");
  it("KD-07, KD-23: starts the official image with a root that is read-only, its data on a volume", () => {
    assert.deepEqual([neo4j.entrypoint, neo4j.uid], [["sh", "/etc/berth/start.sh"], 7474]);
    assert.match(neo4j.config!["start.sh"]!, /exec \/startup\/docker-entrypoint\.sh neo4j$/m);
    assert.deepEqual(
      neo4j.volumes!.map(({ path, keep }) => [path, keep]),
      [
        ["/data", "data"],
        ["/logs", "scratch"],
      ],
    );
    assert.equal(variable(neo4j, "NEO4J_dbms_usage__report_enabled"), "false");
  });
  it("fits its memory to its limit", () => {
    const [heap, pages] = ["NEO4J_server_memory_heap_max__size", "NEO4J_server_memory_pagecache_size"].map((name) =>
      Number.parseInt(variable(neo4j, name)!, 10),
    );
    assert.ok(heap! + pages! < neo4j.limits.memory * 0.7);
    assert.equal(heap, Math.floor(neo4j.limits.memory * 0.4));
  });
  it("has no secret: a rotation does not stop it; the users that are made have one each", () => {
    assert.equal(neo4j.secrets, undefined);
    const users = of(plans.prod, "neo4j-users").secrets!;
    assert.match(users["neo4j-user"]!, /^app_@\{neo4jPassword\|version\}$/);
    assert.match(users["admin-password"]!, /\|previous\}/);
    assert.ok(systems.kailash.shape.secrets["neo4jAdminPassword"]!.outlives);
    assert.ok(!("backup-password" in of(plans.dev, "neo4j-users").secrets!));
    const pruned = of(plans.prod, "neo4j-prune").after;
    for (const name of ["edge-routes", "dataflow"]) assert.ok(pruned.includes(name), name);
  });
  it("refuses another major version of its data", () => {
    const [problem] = problems("prod", { "berth:baseImages": { neo4j: "neo4j:2026.01-community" } });
    assert.match(`${problem?.got}`, /the data of neo4j is of version 5/);
  });
  it("N-03: has its data where the stack file says", () => {
    const device = "/mnt/encrypted/neo4j";
    assert.equal(of(planned("prod", { "berth:neo4j": { device } }), "neo4j").volumes![0]!.device, device);
  });
  it("is asked by what its image has, and restores through what has a client", () => {
    assert.deepEqual(neo4j.health.test.slice(0, 2), ["CMD", "wget"]);
    assert.match(read("data/neo4j/restore.sh"), /python -m stores neo4j-restore/);
  });
});
