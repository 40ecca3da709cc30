/** A second system: a store of its own, a web service and a worker without a port, and nothing of it elsewhere. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { parseConfig, type RawSecret } from "../../../config/parse.ts";
import { type Problem, ProblemsError } from "../../../config/problems.ts";
import { leaf } from "../../../config/schema.ts";
import { systemOf } from "../../../config/shape.ts";
import { healthCheck } from "../../../plan/health.ts";
import { makePlan } from "../../../plan/plan.ts";
import type { Plan, ServiceSpec } from "../../../plan/types.ts";
import { systems } from "../../../systems/index.ts";
import { postgres } from "../../../systems/stores/postgres.ts";
import { redis } from "../../../systems/stores/redis.ts";
import { type Store, store } from "../../../systems/stores/store.ts";
import { system } from "../../../systems/system.ts";
import { service } from "../support.ts";

const USER = "app_@{mongoPassword|version}";
const job = (name: string, more: Partial<ServiceSpec>): ServiceSpec =>
  service(name, { tier: "data", kind: "job", networks: ["data"], ...more });

const mongo = store({
  name: "mongo",
  title: "MongoDB",
  major: 7,
  scheme: "mongodb",
  images: { mongo: "mongo:7.0", mongoExporter: "mongo-exporter:1" },
  settings: {
    mongo: leaf(z.strictObject({ maxConnections: z.number().default(100) }).default({ maxConnections: 100 }), {
      description: "MongoDB: connections.",
      allowed: "maxConnections",
      example: { maxConnections: 100 },
    }),
  },
  secrets: { mongoPassword: { description: "Password of MongoDB.", example: "…", generated: 32, minLength: 16 } },
  server: ({ baseImage }) =>
    service("mongo", {
      tier: "data",
      kind: "stateful",
      image: { pull: baseImage("mongo") },
      networks: ["data"],
      publish: { mongo: 27017 },
      volumes: [{ name: "mongo-data", path: "/data/db", keep: "data" }],
    }),
  login: () => job("mongo-users", { after: ["mongo"], secrets: { user: USER, password: "@{mongoPassword}" } }),
  prune: () => job("mongo-prune", { prunes: "mongoPassword", secrets: { user: USER } }),
  exporter: () => service("mongo-exporter", { tier: "monitoring", networks: ["monitoring"], port: 9216, metrics: {} }),
  access: () => ({
    networks: ["data"],
    secrets: { "mongo-url": `mongodb://${USER}:@{mongoPassword|uri}@mongo:27017` },
    environment: { MONGO_URL_FILE: "/etc/berth/secrets/mongo-url" },
    pool: { environment: { MONGO_POOL: 10 }, connections: { variable: "MONGO_POOL", besides: 1 } },
  }),
  credential: `mongodb://${USER}`,
  connections: ({ settings }) => ({
    most: settings.mongo.maxConnections,
    key: "berth:mongo.maxConnections",
    spare: 5,
    otherwise: "a smaller pool",
  }),
  drawings: { services: { mongo: { up: "max(mongodb_up)" } }, metrics: ["mongodb_up"] },
  rules: "watchdog.yml",
});

const samplemind = system({
  name: "samplemind",
  settings: {
    topics: leaf(z.number().default(3), { description: "How many topics.", allowed: "a number", example: 3 }),
  },
  secrets: { openaiApiKey: { description: "Key of OpenAI.", example: "sk-…", minLength: 8 } },
  images: { python: "python:3.12-slim" },
  stores: [mongo, redis({ image: "redis:7.2", major: 7 })],
  services: ({ settings, has, baseImage }) => [
    service("web", {
      uses: ["mongo", "redis"],
      image: { pull: baseImage("python") },
      port: 8000,
      route: { public: "/", check: "/health" },
      environment: { TOPICS: settings.topics },
      secrets: has("openaiApiKey") ? { key: "@{openaiApiKey}" } : {},
    }),
    service("worker", { uses: ["mongo"], networks: [], health: healthCheck.command(["celery", "inspect", "ping"]) }),
  ],
});

/** What the stack file says; secrets by their name, encrypted. */
function planned(values: Record<string, unknown> = {}, secrets: readonly string[] = []): Plan {
  const stack = "samplemind-dev";
  const texts = Object.entries({ "berth:environment": "dev", "berth:system": "samplemind", ...values });
  const raw = {
    stack,
    values: new Map(texts.map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)])),
    secrets: new Map(secrets.map((key): [string, RawSecret] => [`berth:${key}`, { encrypted: true }])),
  };
  const { catalogue, shape } = systemOf({ ...systems, samplemind }, raw.values.get("berth:system"), stack);
  const { settings, problems } = parseConfig(raw, shape);
  if (!settings) throw new ProblemsError(stack, problems);
  const host = { cpus: 8, memory: 1 << 14, platform: "linux/amd64" };
  return makePlan(catalogue, { stack, settings, shape, host, off: new Set(), configured: new Set(secrets) });
}

function problems(values: Record<string, unknown>, secrets: readonly string[] = []): readonly Problem[] {
  try {
    planned(values, secrets);
  } catch (error) {
    if (error instanceof ProblemsError) return error.problems;
    throw error;
  }
  throw new Error("the plan was accepted");
}
const got = (values: Record<string, unknown>): string[] => problems(values).map((one) => `${one.key}: ${one.got}`);
const of = (plan: Plan, name: string) => plan.services.find((one) => one.name === name)!;

describe("a second system", () => {
  it("takes its own keys, its stores' and those of every system", () => {
    const values = { "berth:topics": 5, "berth:mongo": { maxConnections: 300 }, "berth:replicas": 2 };
    const plan = planned({ ...values, "berth:ports": { mongo: 27017 }, "berth:majors": { redis: 7 } }, [
      "openaiApiKey",
    ]);
    assert.ok(of(plan, "web").environment.includes("TOPICS=5"));
    assert.equal(of(plan, "web").replicas, 2);
    assert.deepEqual(plan.urls["mongo"], "mongodb://127.0.0.1:27017");
    assert.deepEqual([...plan.secretKeys].sort(), [
      "grafanaAdminPassword",
      "mongoPassword",
      "openaiApiKey",
      "redisAdminPassword",
      "redisMonitorPassword",
      "redisPassword",
    ]);
  });

  for (const [key, value, said] of [
    ["seed", true, "no such key"],
    ["schema", "0002", "no such key"],
    ["database", "x", "no such key"],
    ["allowDestructiveMigrations", "0003", "no such key"],
    ["postgres", { poolSize: 5 }, "no such key"],
    ["twilioAuthToken", "x", "no such key"],
    ["postgresPassword", "x", "no such key"],
    ["mongoPasword", "x", "no such key; did you mean mongoPassword?"],
    ["backup", {}, "no such key: MongoDB of samplemind cannot be backed up, and half a backup is none"],
    ["topic", 3, "no such key; did you mean topics?"],
  ] as const)
    it(`does not know berth:${key}`, () =>
      assert.deepEqual(got({ [`berth:${key}`]: value }), [`berth:${key}: ${said}`]));
  it("does not know the majors, images and versions of secrets of stores that it does not have", () => {
    assert.deepEqual(got({ "berth:majors": { postgres: 17 } }), ["berth:majors.postgres: no such key"]);
    assert.deepEqual(
      got({ "berth:baseImages": { postgres: "postgres:17" }, "berth:secretVersions": { jwtSigningKey: 2 } }),
      ['berth:baseImages: "postgres" is not known', 'berth:secretVersions: "jwtSigningKey" is not known'],
    );
  });
  it("is named as there is a folder, and no other way", () =>
    assert.deepEqual(got({ "berth:system": "samplemnd" }), [
      'berth:system: there is no system "samplemnd"; did you mean samplemind?',
    ]));

  it("follows from uses: network, order, address and pool", () => {
    const [web, worker] = ["web", "worker"].map((name) => of(planned(), name)) as [
      ReturnType<typeof of>,
      ReturnType<typeof of>,
    ];
    assert.deepEqual([web.after, worker.after], [["mongo-users", "redis-users"], ["mongo-users"]]);
    assert.deepEqual([web.networks, worker.networks], [["app", "data"], ["data"]]);
    assert.deepEqual(
      [Object.keys(web.secrets!), Object.keys(worker.secrets!)],
      [["redis-url", "mongo-url"], ["mongo-url"]],
    );
    assert.deepEqual(worker.environment, ["MONGO_POOL=10", "MONGO_URL_FILE=/etc/berth/secrets/mongo-url"]);
  });
  it("moves its routes when all that it brings is healthy, and its worker without a port stays so", () => {
    const plan = planned({ "berth:settle": 7 });
    const { after, watches } = of(plan, "edge-routes");
    const others = plan.services.map(({ name }) => name).filter((name) => !/^edge-routes$|-prune$/.test(name));
    assert.deepEqual([[...after].sort(), watches], [others.sort(), { services: ["worker"], seconds: 7 }]);
    for (const name of ["prometheus", "grafana", "mongo-exporter"]) assert.ok(after.includes(name), name);
  });
  it("drops a former log-in when all that use the store run with the new one", () => {
    const plan = planned();
    assert.deepEqual(of(plan, "mongo-prune").after, ["edge-routes", "mongo-users", "web", "worker"]);
    assert.deepEqual(of(plan, "redis-prune").after, ["edge-routes", "redis-users", "web"]);
  });
  it("counts the pools of its own store", () => {
    const [problem] = problems({ "berth:mongo": { maxConnections: 48 } });
    assert.equal(problem!.key, "berth:mongo.maxConnections");
    assert.match(problem!.got, /^48, less than .*: web 1 × 11, worker 1 × 11$/);
    assert.match(problem!.allowed, /^at least 49:/);
  });
  it("refuses an image of another major version than its data is of, by its own default", () => {
    const [problem] = problems({ "berth:baseImages": { redis: "redis:8.0" } });
    assert.match(problem!.got, /version 8; the data of redis is of version 7/);
    planned({ "berth:baseImages": { mongo: "mongo:7.0.1" } });
  });

  it("is scraped, drawn and watched as what it is", () => {
    const plan = planned();
    const files = of(plan, "prometheus").config!;
    assert.ok("redis.yml" in files && !("postgres.yml" in files));
    assert.match(files["prometheus.yml"]!, /"mongo-exporter"/);
    const drawn = Object.entries(of(plan, "grafana").config!).filter(([file]) => file.startsWith("dashboards/"));
    assert.match(drawn.map(([, text]) => text).join(), /max\(mongodb_up\)/);
    for (const [file, text] of drawn) assert.doesNotMatch(text, /assistant_|pg_/, file);
  });
  it("keeps the whole in one name", () =>
    assert.deepEqual(
      [planned().system, planned().database, planned().schemaVersion],
      ["samplemind", undefined, undefined],
    ));
});

describe("the systems", () => {
  it("are the folders of systems/, but for what they share", () => {
    const entries = readdirSync(join(import.meta.dirname, "../../../systems"), { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    assert.deepEqual([...Object.keys(systems), "parts", "stores"].sort(), folders.sort());
  });
  it("name for backups what is there", () => {
    const root = join(import.meta.dirname, "../../..");
    const dockerfile = readFileSync(join(root, "services/backup/Dockerfile"), "utf8");
    for (const { backup, ...store } of Object.values(systems).flatMap(({ kept }) => kept)) {
      const { module, programs, library = [], image, restore } = backup!;
      const code = readFileSync(join(root, `services/backup/src/backup/${module}.py`), "utf8");
      // pg_restore is what bin/restore starts.
      for (const program of programs) assert.ok(code.includes(`"${program}"`), program);
      for (const file of library)
        assert.ok(code.includes(`from ${file.replace(".py", "").replaceAll("/", ".")} import`));
      if (image !== undefined) assert.match(dockerfile, new RegExp(`^ARG ${image}=`, "m"));
      const script = readFileSync(join(root, restore.script), "utf8");
      const steps = ["says", "load"];
      if (restore.how === "beside") steps.push("open", "version", "facts", "exchange", "drop");
      for (const step of steps) assert.match(script, new RegExp(`^  ${step}\\)`, "m"), store.name);
    }
  });
});

describe("backups of other systems", () => {
  const HOST = { cpus: 8, memory: 1 << 14, platform: "linux/amd64" };
  /** A plan of a system with these stores, in dev. */
  function plannedWith(
    stores: readonly Store[],
    values: Record<string, unknown>,
    services: readonly ServiceSpec[] = [],
  ): Plan {
    const own = system({ name: "own", settings: {}, secrets: {}, images: {}, stores, services: () => services });
    const texts = Object.entries({ "berth:environment": "dev", "berth:system": "own", ...values });
    const raw = {
      stack: "own",
      values: new Map(texts.map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)])),
      secrets: new Map(),
    };
    const { settings, problems } = parseConfig(raw, own.shape);
    if (!settings) throw new ProblemsError("own", problems);
    const configured = new Set<string>();
    return makePlan(own.catalogue, {
      stack: "own",
      settings,
      shape: own.shape,
      host: HOST,
      off: new Set(),
      configured,
    });
  }
  const backedUp = (stores: readonly Store[], services: readonly ServiceSpec[] = []) => {
    const plan = plannedWith(stores, { "berth:backup": {} }, services);
    const service = of(plan, "backup");
    const told = JSON.parse(service.config!["stores.json"]!) as { name: string; given: object }[];
    return { plan, service, told, args: plan.images["backup"]!.args };
  };

  it("copy PostgreSQL alone, with no trace of Redis", () => {
    const { plan, service, told, args } = backedUp([postgres({ prefix: "own" })]);
    assert.deepEqual(told, [
      {
        name: "postgres",
        title: "PostgreSQL",
        module: "database",
        file: "database.dump",
        given: { host: "/var/run/postgresql", user: "backup", database: "own_dev", roles: ["app_owner"] },
      },
    ]);
    assert.deepEqual(service.after, ["postgres-roles"]);
    assert.deepEqual(Object.keys(service.secrets!), ["backup-key"]);
    assert.deepEqual(args, {
      POSTGRES_IMAGE: "pgvector/pgvector:pg17-trixie",
      PROGRAMS: "pg_dump pg_restore psql initdb pg_ctl",
    });
    assert.doesNotMatch(JSON.stringify([service, plan.secretKeys, plan.images]), /redis/i);
  });
  it("copy Redis alone, with no trace of PostgreSQL but the image's own volume", () => {
    const { plan, service, told, args } = backedUp([redis()]);
    assert.deepEqual(
      told.map(({ name, given }) => [name, given]),
      [["redis", { host: "redis", user: "backup", password: "redis-password" }]],
    );
    assert.deepEqual(service.after, ["redis-users"]);
    assert.deepEqual(args, { REDIS_IMAGE: "redis:8.10", PROGRAMS: "redis-cli redis-server redis-check-rdb" });
    assert.deepEqual(
      service.volumes!.map(({ name }) => name),
      ["backup-work", "backup-data"],
    );
    assert.ok(plan.secretKeys.includes("redisBackupPassword") && !plan.secretKeys.includes("postgresPassword"));
  });
  it("wait for the migrations by their name, and look for their version", () => {
    const make = service("make-tables", { kind: "job", networks: [], uses: ["postgres"] });
    const { told, service: backup } = backedUp([postgres({ prefix: "own", migrations: "make-tables" })], [make]);
    assert.deepEqual((told[0]!.given as { versions?: unknown }).versions, ["public.alembic_version", "version_num"]);
    assert.deepEqual(backup.after, ["make-tables"]);
  });
  for (const [what, stores, said] of [
    [
      "a store that cannot be",
      [redis(), mongo],
      "no such key: MongoDB of own cannot be backed up, and half a backup is none",
    ],
    ["no store", [], "no such key: own has no store"],
  ] as const)
    it(`are refused where there is ${what}`, () => {
      assert.throws(
        () => plannedWith(stores, { "berth:backup": {} }),
        (error) => error instanceof ProblemsError && error.problems.length === 1 && error.problems[0]!.got === said,
      );
      plannedWith(stores, {});
    });
});
