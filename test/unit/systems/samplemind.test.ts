import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { containerArgs } from "../../../plan/container.ts";
import { routesOf } from "../../../plan/routes.ts";
import type { Plan } from "../../../plan/types.ts";
import { systems } from "../../../systems/index.ts";
import { ROOT } from "../support.ts";
import { ENVIRONMENTS, planner, serviceOf as of, variableOf as variable } from "./planned.ts";

const { planned, problems, plans } = planner("samplemind");
const FERRETDB = { "berth:mongo": { engine: "ferretdb" } };
/** The documented services; exporters, jobs and the house's own are besides. */
const TEN = "backend worker beat flower frontend mongo redis chroma prometheus grafana".split(" ");

describe("systems/samplemind", () => {
  it("SM-01 to SM-12: has the ten documented services in each environment, the edge besides", () => {
    for (const plan of Object.values(plans))
      assert.deepEqual(
        [...TEN, "edge"].filter((name) => of(plan, name) === undefined),
        [],
        plan.stack,
      );
  });
  it("SM-01, SM-04, SM-05, SM-10, SM-26, SM-59: publishes the documented ports, of stores none anywhere", () => {
    const published = (plan: Plan) =>
      Object.fromEntries(
        plan.services.flatMap(({ ports }) => ports.map((port) => [port.endpoint, `${port.ip}:${port.external}`])),
      );
    const dev = published(plans.dev);
    assert.deepEqual(
      ["edge", "frontend", "flower", "grafana"].map((name) => dev[name]),
      [8000, 3000, 5555, 3001].map((port) => `127.0.0.1:${port}`),
    );
    assert.deepEqual(published(plans.prod), {
      edge: "0.0.0.0:80",
      flower: "127.0.0.1:5555",
      grafana: "127.0.0.1:3001",
      prometheus: "127.0.0.1:9090",
    });
    for (const plan of Object.values(plans))
      assert.deepEqual(
        plan.services.filter(({ tier, ports }) => tier === "data" && ports.length).map(({ name }) => name),
        [],
      );
  });
  it("SM-06 to SM-08: runs the documented versions of the stores", () => {
    assert.deepEqual(of(plans.prod, "mongo").image, { pull: "mongo:7.0" });
    assert.deepEqual(of(plans.prod, "redis").image, { pull: "redis:7.2" });
    assert.equal(plans.prod.images["chroma"]!.args["CHROMA_IMAGE"], "chromadb/chroma:1.5.9");
  });
  it("SM-13, SM-16: builds upon Python 3.12, Node 20 and nginx 1.25, each to be replaced by one line", () => {
    const { samplemind, "samplemind-frontend": frontend } = plans.prod.images;
    assert.deepEqual(
      [samplemind!.args["PYTHON_IMAGE"], frontend!.args],
      ["python:3.12-slim", { NODE_IMAGE: "node:20-alpine", NGINX_IMAGE: "nginx:1.25-alpine" }],
    );
    const other = planned("prod", { "berth:baseImages": { python: "python:3.13-slim" } });
    assert.equal(other.images["samplemind"]!.args["PYTHON_IMAGE"], "python:3.13-slim");
    assert.equal(other.images["stores"]!.args["PYTHON_IMAGE"], "python:3.13-slim");
  });

  it("SM-33 to SM-37: gives prod exactly the documented limits and reservations", () => {
    const documented = {
      backend: [2, 2048, 0.5, 512],
      worker: [2, 3072, 1, 1024],
      frontend: [0.5, 512, 0.25, 128],
      mongo: [2, 4096, 1, 2048],
      redis: [1, 2048, 0.5, 1024],
    };
    for (const [name, [cpus, memory, reserveCpus, reserveMemory]] of Object.entries(documented))
      assert.deepEqual({ ...of(plans.prod, name).limits }, { cpus, memory, reserveCpus, reserveMemory }, name);
  });
  it("C-23: gives prod the proposed limits where the documents say none", () => {
    const proposed = {
      beat: [0.5, 256],
      flower: [0.5, 256],
      chroma: [1, 2048],
      prometheus: [1, 1024],
      grafana: [0.5, 512],
      edge: [0.5, 256],
    };
    for (const [name, [cpus, memory]] of Object.entries(proposed))
      assert.deepEqual([of(plans.prod, name).limits.cpus, of(plans.prod, name).limits.memory], [cpus, memory], name);
  });
  it("C-13: gives stage the shape of prod with half its limits", () => {
    for (const name of ["backend", "worker", "frontend", "mongo", "redis", "chroma"]) {
      const [stage, prod] = [of(plans.stage, name), of(plans.prod, name)];
      assert.equal(stage.limits.memory, prod.limits.memory / 2, name);
      assert.equal(stage.limits.cpus, Math.max(0.25, prod.limits.cpus / 2), name);
      assert.equal(stage.replicas, prod.replicas, name);
    }
  });
  it("SM-02, SM-03, SM-38: runs several workers in prod, two jobs at a time in dev, and one beat everywhere", () => {
    assert.ok(of(plans.prod, "worker").replicas >= 2);
    assert.equal(variable(of(plans.dev, "worker"), "CELERY_CONCURRENCY"), "2");
    for (const plan of Object.values(plans))
      assert.deepEqual([of(plan, "beat").kind, of(plan, "beat").replicas], ["stateful", 1], plan.stack);
    assert.match(
      problems("prod", { "berth:services": { beat: { replicas: 2 } } })
        .map(({ key, allowed }) => `${key}: ${allowed}`)
        .join(),
      /berth:services\.beat\.replicas: 1, because/,
    );
  });
  it("SM-32, SM-39: restarts always, and answers with four processes, each with its pool", () => {
    for (const plan of Object.values(plans)) {
      assert.equal(plan.restart, "always");
      const backend = of(plan, "backend");
      assert.deepEqual([variable(backend, "UVICORN_WORKERS"), variable(backend, "MONGO_POOL_SIZE")], ["4", "20"]);
    }
  });

  it("SM-23 to SM-26: stores are on the internal network data alone, and named by their names", () => {
    for (const plan of Object.values(plans))
      for (const name of ["mongo", "redis", "chroma"]) assert.deepEqual(of(plan, name).networks, ["data"], name);
    const backend = of(plans.prod, "backend");
    assert.equal(variable(backend, "CHROMA_URL"), "http://chroma:8000");
    assert.match(backend.secrets!["mongo-url"]!, /@mongo:27017\/sm_prod\?authSource=admin$/);
  });
  it("SM-05, SM-11: users reach the page and the API through the edge, and nothing else", () => {
    for (const plan of Object.values(plans)) {
      const routes = plan.services.flatMap((service) =>
        routesOf(service).map(({ public: path, internal }) => [service.name, path, internal]),
      );
      assert.deepEqual(routes, [
        ["backend", "/api", undefined],
        ["frontend", "/", undefined],
      ]);
    }
  });
  it("SM-52 to SM-54: runs as 1000:1000 and 101:101, and nothing as root, but what reads the engine's log files", () => {
    const userOf = (plan: Plan, name: string) => containerArgs(of(plan, name), plan).user;
    for (const name of ["backend", "worker", "beat", "flower"])
      assert.equal(userOf(plans.prod, name), "1000:1000", name);
    assert.equal(userOf(plans.prod, "frontend"), "101:101");
    // Their files are readable by the group 0 alone.
    assert.deepEqual(containerArgs(of(plans.prod, "frontend"), plans.prod).groupAdds, ["0"]);
    const roots = plans.prod.services.filter(({ uid }) => uid === 0).map(({ name }) => name);
    assert.deepEqual(roots, ["collector"]);
  });
  it("SM-46: shows its inside, reloads, and has test users in dev, which prod refuses", () => {
    assert.deepEqual(
      ENVIRONMENTS.map((name) => ["DEBUG", "RELOAD"].map((one) => variable(of(plans[name], "backend"), one))),
      [
        ["true", "true"],
        ["false", undefined],
        ["false", undefined],
      ],
    );
    assert.deepEqual(
      problems("prod", { "berth:seed": true, "berth:debug": true }).map(({ key }) => key),
      ["berth:debug", "berth:seed"],
    );
  });
  it("SM-46, SM-47: lets in the test users with one password, and in prod the first user with another", () => {
    const users = (plan: Plan) => of(plan, "backend").secrets!["users.json"];
    assert.equal(
      users(plans.dev),
      '[{"email":"alice@example.com","password":@{seedPassword|json}},{"email":"bob@example.com","password":@{seedPassword|json}}]',
    );
    assert.equal(users(plans.prod), '[{"email":"admin@example.com","password":@{adminPassword|json}}]');
    assert.ok(!plans.prod.secretKeys.includes("seedPassword"));
    assert.equal(plans.prod.credentials["backend"], "admin@example.com: @{adminPassword}");
  });
  it("SM-48: is scraped where it tells something, the tasks by Flower", () => {
    for (const plan of Object.values(plans)) {
      const asked = of(plan, "prometheus").config!["prometheus.yml"]!;
      for (const name of [
        "backend",
        "worker",
        "beat",
        "flower",
        "mongo-exporter",
        "redis-exporter",
        "chroma-exporter",
        "edge",
      ])
        assert.match(asked, new RegExp(`"${name}"`), `${plan.stack}: ${name}`);
    }
  });
  it("makes backups as one of those who may read the samples", () => {
    for (const plan of [plans.stage, plans.prod]) assert.equal(of(plan, "backup").gid, of(plan, "backend").gid);
    assert.ok(of(plans.prod, "backend").gid! > 0);
  });
  it("SM-61: makes backups in stage and prod, of every store", () => {
    assert.equal(of(plans.dev, "backup"), undefined);
    for (const plan of [plans.stage, plans.prod]) {
      const told = JSON.parse(of(plan, "backup").config!["stores.json"]!) as { name: string }[];
      assert.deepEqual(
        told.map(({ name }) => name),
        ["mongo", "redis", "chroma", "samples"],
      );
    }
  });
  it("AI: reaches the internet where a key is configured, and the worker alone", () => {
    const outward = (plan: Plan) =>
      plan.services.filter(({ networks }) => networks.includes("egress")).map(({ name }) => name);
    assert.deepEqual(outward(plans.prod), []);
    assert.deepEqual(outward(planned("prod", {}, ["aiProviderKey"])), ["worker"]);
  });
  it("holds what it may upload in the edge as well", () => {
    const backend = of(planned("prod", { "berth:maxUploadMb": 250 }), "backend");
    assert.deepEqual([variable(backend, "MAX_UPLOAD_MB"), backend.route!.bodyLimit], ["250", 251]);
  });
  it("waits for the stores' log-ins, and drops the former ones behind everybody who uses them", () => {
    const { after } = of(plans.prod, "backend");
    assert.deepEqual(after, ["mongo-users", "redis-users", "chroma"]);
    const pruned = of(plans.prod, "mongo-prune").after;
    for (const name of ["edge-routes", "backend", "worker", "beat", "flower"]) assert.ok(pruned.includes(name), name);
  });
});

describe("the store mongo", () => {
  it("SM-06, SM-36: starts the official image as its entry point wants it, with its memory fitted", () => {
    const mongo = of(plans.prod, "mongo");
    assert.deepEqual(mongo.command, ["mongod", "--wiredTigerCacheSizeGB", "1.5"]);
    assert.equal(variable(mongo, "MONGO_INITDB_ROOT_PASSWORD_FILE"), "/etc/berth/secrets/root-password");
    assert.deepEqual(
      mongo.volumes!.map(({ name, path, keep }) => [name, path, keep]),
      [
        ["mongo-data", "/data/db", "data"],
        ["mongo-config", "/data/configdb", "scratch"],
      ],
    );
    assert.match(mongo.health.test.join(" "), /mongosh .*ping/);
    // Published it is on a network more, and has an address more: `hostname -i` would print both.
    assert.match(mongo.health.test.join(" "), /--host "\$\(hostname\)"/);
    assert.equal(of(plans.dev, "mongo").command!.at(-1), "0.25");
  });
  it("bounds what a user may do where the engine can, and is told where it cannot", () => {
    const command = (plan: Plan) => of(plan, "mongo-users").command!.join(" ");
    assert.match(command(plans.prod), /mongo-users sm_prod --roles/);
    assert.match(command(planned("prod", FERRETDB)), /mongo-users sm_prod &&/);
  });
  it("runs FerretDB under its own name, on a volume of its own, and is asked for no major version", () => {
    const plan = planned("prod", FERRETDB);
    assert.deepEqual(of(plan, "mongo").image, { build: "ferretdb" });
    assert.equal(plan.images["ferretdb"]!.args["FERRETDB_IMAGE"], "ghcr.io/ferretdb/ferretdb:1.24.2");
    assert.deepEqual(
      of(plan, "mongo").volumes!.map(({ name }) => name),
      ["ferretdb-data"],
    );
    assert.equal(variable(of(plan, "mongo"), "FERRETDB_TELEMETRY"), "disable");
    // A check that logs in would fail after a rotation of the superuser's password, and stop what sets the new one.
    assert.match(of(plan, "mongo").health.test.join(" "), /\/debug\/livez$/);
    assert.ok(!JSON.stringify(plan).includes("mongo:7.0"));
    assert.ok(!("ferretdb" in plans.prod.images));
  });
  it("refuses another engine, a database of the server's own, and another major version", () => {
    const said = (more: Parameters<typeof problems>[1]) =>
      problems("prod", more).map(({ key, got }) => `${key}: ${got}`);
    assert.match(said({ "berth:mongo": { engine: "couchdb" } }).join(), /berth:mongo\.engine: got "couchdb"/);
    assert.match(said({ "berth:mongo": { database: "admin" } }).join(), /berth:mongo\.database: got "admin"/);
    for (const [name, image] of [
      ["mongo", "mongo:8.0"],
      ["chroma", "chromadb/chroma:2.0.0"],
    ] as const)
      assert.match(said({ "berth:baseImages": { [name]: image } }).join(), /version \d; the data of \w+ is of version/);
  });
  it("N-03: has its data where the stack file says, and prod is warned where it says nothing", () => {
    const device = "/mnt/encrypted/mongo";
    const plan = planned("prod", { "berth:mongo": { device } });
    assert.equal(of(plan, "mongo").volumes![0]!.device, device);
    const warned = (given: Plan) => given.notices.some(({ key }) => key === "berth:mongo.device");
    assert.deepEqual([warned(plans.prod), warned(plan)], [true, false]);
  });
  it("keeps the superuser's password as long as the data, and knows the one before", () => {
    const { secrets } = systems.samplemind.shape;
    assert.ok(secrets["mongoAdminPassword"]!.outlives);
    for (const name of ["mongo-users", "mongo-prune"])
      assert.match(of(plans.prod, name).secrets!["admin-password"]!, /\|previous\}/);
  });
});

describe("the files of SampleMind", () => {
  const read = (file: string): string => readFileSync(join(ROOT, "services", file), "utf8");
  const stages = (dockerfile: string): string[] =>
    [...dockerfile.matchAll(/^FROM \S+ AS ([\w-]+)$/gm)].map((match) => match[1]!);
  const [backend, frontend] = [read("python/Dockerfile"), read("samplemind-frontend/Dockerfile")];

  it("SM-13, SM-14, SM-22: the backend is built in one stage and run in another, optimised, packages before source", () => {
    assert.ok(["dependencies", "runtime"].every((stage) => stages(backend).includes(stage)));
    assert.equal(plans.prod.images["samplemind"]!.args["OPTIMIZE"], "2");
    assert.match(backend, /pip .*install --no-cache-dir/);
    const runtime = backend.split("AS runtime")[1]!;
    assert.doesNotMatch(runtime, /pip|apt/);
    assert.ok(runtime.indexOf("/opt/venv") < runtime.indexOf("src /app/src"));
    assert.equal(variable(of(plans.prod, "backend"), "UVICORN_LOOP"), "uvloop");
    assert.match(read("samplemind/requirements.txt"), /^uvloop==[\s\S]*/m);
    assert.match(read("samplemind/requirements.txt"), /^httptools==/m);
  });
  it("SM-15, SM-19, SM-20: processes get the signals; the Celery services are the same image by one entry point", () => {
    assert.doesNotMatch(backend, /^STOPSIGNAL (?!SIGTERM$)/m);
    assert.match(read("samplemind/bin/celery-entrypoint"), /^exec /m);
    for (const name of ["worker", "beat", "flower"]) {
      const { image, entrypoint, command } = of(plans.prod, name);
      assert.deepEqual([image, entrypoint, command], [{ build: "samplemind" }, ["celery-entrypoint"], [name]]);
    }
  });
  it("SM-16, SM-17: the page is made in three stages, by npm ci, without source maps; no package manager of a system", () => {
    assert.ok(["deps", "builder", "runtime"].every((stage) => stages(frontend).includes(stage)));
    assert.match(frontend, /npm ci/);
    assert.doesNotMatch(frontend, /\b(?:apk|apt|apt-get) /);
    assert.match(read("samplemind-frontend/vite.config.ts"), /sourcemap: false/);
  });
  it("SM-18: nginx packs, answers every address of the page, and says how long files may be kept", () => {
    const conf = read("samplemind-frontend/nginx/nginx.conf");
    for (const words of [/gzip on;/, /try_files [^;]*\/index\.html/, /expires|Cache-Control/])
      assert.match(conf, words);
  });
  it("SM-21, SM-44: nothing is sent to a build that is not named", () => {
    for (const file of ["python/Dockerfile.dockerignore", "samplemind-frontend/.dockerignore"]) {
      const lines = read(file).split("\n");
      assert.equal(
        lines.find((line) => line && !line.startsWith("#")),
        "*",
        file,
      );
    }
  });
  it("are where its catalogue says", () => {
    for (const { context, dockerfile = `${context}/Dockerfile` } of Object.values(plans.dev.images))
      assert.ok(existsSync(join(ROOT, dockerfile)), dockerfile);
    for (const { sources } of plans.dev.services)
      for (const path of Object.keys(sources)) assert.ok(existsSync(join(ROOT, path)), path);
  });
});
