import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { parseConfig } from "../../../config/parse.ts";
import type { SecretKey } from "../../../config/secrets.ts";
import { makePlan } from "../../../plan/plan.ts";
import type { Context, Plan } from "../../../plan/types.ts";
import { systems } from "../../../systems/index.ts";
import { catalogue, context, problemsOf, service } from "../support.ts";

const ROOT = join(import.meta.dirname, "../../..");
const STACKS = ["dev", "stage", "prod"] as const;
type Config = Record<string, unknown>;

const fileOf = (stack: string): Config =>
  (parse(readFileSync(join(ROOT, `Pulumi.${stack}.yaml`), "utf8")) as { config: Config }).config;

function planOf(config: Config, stack: string, more: Partial<Context> = {}): Plan {
  const texts = Object.entries(config).map(([key, value]): [string, string] => [
    key,
    typeof value === "string" ? value : JSON.stringify(value),
  ]);
  const { shape, catalogue } = systems.assistant;
  const { settings, problems } = parseConfig({ stack, values: new Map(texts), secrets: new Map() }, shape);
  assert.ok(settings, JSON.stringify(problems));
  return makePlan(catalogue, {
    stack,
    settings,
    shape,
    host: { cpus: 64, memory: 1 << 20, platform: "linux/amd64" },
    off: new Set(settings.off),
    configured: new Set<SecretKey>(),
    ...more,
  });
}

const connectionsOf = (stack: string) => (fileOf(stack)["berth:postgres"] as { maxConnections: number }).maxConnections;
const of = (plan: Plan, name: string) => plan.services.find((found) => found.name === name)!;
const published = (plan: Plan) =>
  Object.fromEntries(
    plan.services.flatMap(({ ports }) => ports).map(({ endpoint, ip, external }) => [endpoint, `${ip}:${external}`]),
  );

describe("the stack files", () => {
  const plans = Object.fromEntries(STACKS.map((stack) => [stack, planOf(fileOf(stack), stack)])) as Record<
    (typeof STACKS)[number],
    Plan
  >;

  it("PA-02, PA-06 to PA-08, PA-21: publish the documented ports, databases not at all in prod", () => {
    const local = (ports: Record<string, number>) =>
      Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, `127.0.0.1:${port}`]));
    assert.deepEqual(
      published(plans.dev),
      local({
        edge: 8000,
        postgres: 5432,
        redis: 6379,
        prometheus: 9090,
        alertmanager: 9093,
        grafana: 3000,
        loki: 3100,
        jaeger: 16686,
      }),
    );
    assert.deepEqual(
      published(plans.stage),
      local({
        edge: 8001,
        postgres: 5433,
        redis: 6380,
        prometheus: 9091,
        alertmanager: 9094,
        grafana: 3001,
        loki: 3101,
        jaeger: 16687,
      }),
    );
    assert.deepEqual(published(plans.prod), { edge: "0.0.0.0:80", ...local({ prometheus: 9090, grafana: 3000 }) });
  });
  it("PA-02: prod publishes 443 with a certificate, and 8000 where asked", () => {
    const ports = { ...(fileOf("prod")["berth:ports"] as object), "edge-tls": 443 };
    const plan = planOf({ ...fileOf("prod"), "berth:ports": ports }, "prod", {
      configured: new Set(["tlsCertificate", "tlsKey"]),
    });
    assert.equal(published(plan)["edge-tls"], "0.0.0.0:443");
    assert.equal(plan.publicUrl, "https://127.0.0.1");
    assert.equal(
      published(planOf({ ...fileOf("prod"), "berth:ports": { edge: 8000 } }, "prod"))["edge"],
      "0.0.0.0:8000",
    );
  });
  it("PA-24: name three databases", () =>
    assert.deepEqual(
      STACKS.map((stack) => plans[stack].database),
      ["pa_dev", "pa_stage", "pa_prod"],
    ));

  it("PA-34: give prod the proposed limits, with reservations; stage half of them", () => {
    const limits = {
      api: [2, 2048],
      agent: [1, 1024],
      worker: [2, 2048],
      "sms-router": [0.5, 256],
      postgres: [2, 4096],
      redis: [1, 1024],
    };
    for (const [name, [cpus, memory]] of Object.entries(limits)) {
      const { limits: prod } = of(plans.prod, name);
      assert.deepEqual([prod.cpus, prod.memory], [cpus, memory], name);
      assert.ok(prod.reserveMemory && prod.reserveCpus, name);
      // The SMS router's process takes more than half of 256 MiB.
      const { limits: stage } = of(plans.stage, name);
      assert.deepEqual([stage.cpus, stage.memory], [cpus! / 2, name === "sms-router" ? memory : memory! / 2], name);
    }
  });
  it("PA-36: run prod's applications twice", () => {
    const applications = plans.prod.services.filter(({ tier, kind }) => tier === "app" && kind === "stateless");
    assert.ok(applications.length > 0);
    for (const { name, replicas } of applications) assert.ok(replicas >= 2, name);
  });
  it("PA-32, PA-44, PA-25: restart always; differ in debug, seed and log level", () => {
    const levels = (plan: Plan) => [
      plan.restart,
      ...["LOG_LEVEL", "DEBUG"].map((name) => of(plan, "api").environment.find((line) => line.startsWith(`${name}=`))),
      plan.services.some(({ name }) => name === "seed"),
    ];
    assert.deepEqual(levels(plans.dev), ["always", "LOG_LEVEL=DEBUG", "DEBUG=true", false]);
    assert.deepEqual(levels(plans.stage), ["always", "LOG_LEVEL=INFO", "DEBUG=false", true]);
    assert.deepEqual(levels(plans.prod), ["always", "LOG_LEVEL=WARNING", "DEBUG=false", false]);
  });
  it("keep logs for 7, 14 and 30 days", () =>
    assert.deepEqual(
      STACKS.map((stack) => (fileOf(stack)["berth:retention"] as { logs: string }).logs),
      ["7d", "14d", "30d"],
    ));

  it("PA-41, PA-42: fit the database's and the queue's memory to their limits, and size pools", () => {
    for (const [stack, cache, kernel] of [
      ["dev", 256, 512],
      ["stage", 512, 1024],
      ["prod", 1024, 2048],
    ] as const)
      assert.deepEqual(
        of(plans[stack], "postgres").command!.filter((option) =>
          /^(max_connections|shared_buffers|effective_cache_size)=/.test(option),
        ),
        [`max_connections=${connectionsOf(stack)}`, `shared_buffers=${cache}MB`, `effective_cache_size=${kernel}MB`],
        stack,
      );
    assert.deepEqual(
      STACKS.map((stack) => of(plans[stack], "postgres").sharedMemory),
      [512, 1024, 2048],
    );
    const maxmemory = (plan: Plan) => /^maxmemory (.*)$/m.exec(of(plan, "redis").config!["redis.conf"]!)![1];
    assert.deepEqual(
      STACKS.map((stack) => maxmemory(plans[stack])),
      ["256mb", "341mb", "682mb"],
    );
    const pool = (plan: Plan) => of(plan, "api").environment.filter((line) => line.startsWith("DB_"));
    assert.deepEqual(
      pool(plans.prod).filter((line) => !line.includes("FILE")),
      ["DB_POOL_SIZE=10", "DB_STATEMENT_TIMEOUT=10"],
    );
    assert.ok(of(plans.dev, "worker").environment.includes("DB_STATEMENT_TIMEOUT=30"));
  });

  it("PA-41: prod's file is refused with ten times the replicas of one service", () => {
    const file = fileOf("prod");
    const services = file["berth:services"] as Record<string, object>;
    assert.throws(
      () => planOf({ ...file, "berth:services": { ...services, api: { ...services["api"], replicas: 20 } } }, "prod"),
      new RegExp(`berth:postgres\\.maxConnections: ${connectionsOf("prod")}, less than .*api 20 × 12`),
    );
  });

  it("run side by side on one engine with prod's ports moved by one setting", () => {
    const moved = planOf({ ...fileOf("prod"), "berth:portOffset": 200 }, "prod");
    const ports = [plans.dev, plans.stage, moved].flatMap((plan) =>
      plan.services.flatMap((found) => found.ports.map(({ external }) => external)),
    );
    assert.equal(new Set(ports).size, ports.length);
  });
  it("are warned of ports that the kernel hands out itself, by name", () => {
    const notices = (portOffset: number) =>
      planOf({ ...fileOf("dev"), "berth:portOffset": portOffset }, "dev").notices.filter(
        ({ key }) => key === "berth:portOffset",
      );
    assert.deepEqual(
      notices(23000).map(({ got }) => /: (.*)$/.exec(got)![1]),
      ["jaeger 39686"],
    );
    assert.deepEqual(notices(10000), []);
  });

  it("hold all that differs: with another environment's file a plan differs by nothing but the environment's name", () => {
    const plain = (plan: Plan, environment: string): unknown =>
      JSON.parse(
        JSON.stringify({ ...plan, notices: [] }).replaceAll(new RegExp(`(?<![\\w/])${environment}\\b`, "g"), "ENV"),
      );
    for (const stack of ["stage", "prod"]) {
      // Prod takes no test data and no published database: those two are put in line first.
      const file = { ...fileOf(stack), "berth:seed": false, "berth:ports": fileOf("prod")["berth:ports"] };
      const plan = (environment: string) =>
        plain(planOf({ ...file, "berth:environment": environment }, "any"), environment);
      assert.deepEqual(plan("stage"), plan("prod"), stack);
      assert.deepEqual(plan("dev"), plan("prod"), stack);
    }
    assert.notDeepEqual(plain(plans.stage, "stage"), plain(plans.prod, "prod"));
  });
});

describe("the sources", () => {
  const CHECKS = ["plan/environments.ts", "config/load.ts", "config/schema.ts"];
  const branches = (text: string) =>
    /["'`](dev|stage|prod)["'`]|\b(stack|environment)\b\)?\s*[!=]==?\s*["'`]|switch\s*\([^)]*\b(stack|environment)\b/.exec(
      text,
    )?.[0];
  const sources = execFileSync(
    "git",
    [
      "ls-files",
      "--cached",
      "--others",
      "--exclude-standard",
      "index.ts",
      "components",
      "systems",
      "plan",
      "config",
      "monitoring",
    ],
    { cwd: ROOT, encoding: "utf8" },
  )
    .trim()
    .split("\n")
    .filter((file) => file.endsWith(".ts") && !CHECKS.includes(file));

  for (const file of sources)
    it(`${file} does not ask which environment it is`, () =>
      assert.equal(branches(readFileSync(join(ROOT, file), "utf8")), undefined));
  it("the test itself finds who asks", () => {
    assert.ok(sources.length > 30);
    for (const text of [
      `if (stack === "prod") x();`,
      `settings.environment !== "dev"`,
      "switch (plan.environment) {",
      `isProd("prod")`,
    ])
      assert.ok(branches(text), text);
    for (const file of CHECKS) assert.ok(branches(readFileSync(join(ROOT, file), "utf8")), file);
  });
});

describe("plan/environments", () => {
  const database = service("postgres", {
    tier: "data",
    kind: "stateful",
    publish: { postgres: 5432 },
    networks: ["data"],
  });
  const edge = service("edge", { tier: "edge", kind: "stateful", publish: { edge: 8080 } });
  const tls = service("edge", {
    ...edge,
    publish: { edge: 8080, "edge-tls": 8443 },
    secrets: { "tls.crt": "@{tlsCertificate}", "tls.key": "@{tlsKey}" },
  });
  const a = service("a", { variables: { DEBUG: "flag", DEBUG_PORT: "number" } });
  const all = [a, database, service("seed", { kind: "job" })];

  for (const [name, values, key, environments, more] of [
    ["debug", { "berth:debug": true }, "berth:debug", ["stage", "prod"]],
    [
      "source mounts",
      { "berth:sourceMounts": true, "berth:imageTarget": "development" },
      "berth:sourceMounts berth:imageTarget",
      ["stage", "prod"],
    ],
    ["development images", { "berth:imageTarget": "development" }, "berth:imageTarget", ["stage", "prod"]],
    ["data without protection", { "berth:protectData": false }, "berth:protectData", ["stage", "prod"]],
    [
      "debug by a service's environment",
      { "berth:services": { a: { environment: { DEBUG: true } } } },
      "berth:services.a.environment.DEBUG",
      ["stage", "prod"],
    ],
    [
      "reloading by a service's environment",
      { "berth:services": { a: { environment: { RELOAD: "1" } } } },
      "berth:services.a.environment.RELOAD",
      ["stage", "prod"],
    ],
    [
      "a debugger by a service's environment",
      { "berth:services": { a: { environment: { DEBUG_PORT: 5678 } } } },
      "berth:services.a.environment.DEBUG_PORT",
      ["stage", "prod"],
    ],
    ["the public passphrase", {}, "PULUMI_CONFIG_PASSPHRASE", ["prod"], { publicPassphrase: true }],
    ["a published database", { "berth:ports": { postgres: 5432 } }, "berth:ports.postgres", ["prod"]],
    ["test data", { "berth:seed": true }, "berth:seed", ["prod"]],
  ] as const)
    for (const environment of STACKS) {
      const refused = (environments as readonly string[]).includes(environment);
      it(`${refused ? "refuses" : "takes"} ${name} in ${environment}`, () => {
        const given = { "berth:environment": environment, ...values };
        if (!refused) {
          makePlan(catalogue(all), context(given, { stack: environment, ...more }));
          return;
        }
        const problems = problemsOf(all, given, { stack: environment, ...more });
        assert.equal(problems.map((problem) => problem.key).join(" "), key);
        assert.ok(problems[0]!.got.includes(environment), problems[0]!.got);
        assert.match(problems[0]!.fix, new RegExp(`^pulumi .* --stack ${environment}`));
      });
    }

  it("takes development's switches where they are off", () =>
    assert.ok(
      makePlan(
        catalogue([a]),
        context(
          { "berth:environment": "prod", "berth:services": { a: { environment: { DEBUG: false, RELOAD: "" } } } },
          { stack: "prod" },
        ),
      ),
    ));
  it("refuses a stack that is called after another environment, and an application that is told another", () => {
    assert.deepEqual(
      problemsOf([service("a")], { "berth:environment": "dev" }, { stack: "prod" }).map(({ key, allowed }) => [
        key,
        allowed,
      ]),
      [["berth:environment", "prod"]],
    );
    assert.deepEqual(
      problemsOf([service("a")], { "berth:services": { a: { environment: { APP_ENV: "prod" } } } }).map(
        ({ key }) => key,
      ),
      ["berth:services.a.environment.APP_ENV"],
    );
    makePlan(catalogue([service("a")]), context({ "berth:environment": "prod" }, { stack: "customer-7" }));
  });

  it("warns in stage of the public passphrase", () => {
    const notices = (environment: string, publicPassphrase: boolean) =>
      makePlan(
        catalogue([database]),
        context({ "berth:environment": environment }, { stack: environment, publicPassphrase }),
      ).notices.map(({ level, key }) => `${level} ${key}`);
    assert.deepEqual(notices("stage", true), ["warning PULUMI_CONFIG_PASSPHRASE"]);
    assert.deepEqual([notices("stage", false), notices("dev", true)], [[], []]);
  });
  it("refuses in prod calls that are signed with an address that only this machine has, and warns elsewhere", () => {
    const signed = service("a", { secrets: { a: "@{twilioAuthToken}" } });
    const given = (environment: string, values: Config) =>
      context(
        { "berth:environment": environment, ...values },
        { stack: "any", configured: new Set<SecretKey>(["twilioAuthToken"]) },
      );
    const notices = (environment: string, values: Config = {}) =>
      makePlan(catalogue([signed]), given(environment, values)).notices.map(({ level, key }) => `${level} ${key}`);
    for (const values of [{}, { "berth:bindAddress": "0.0.0.0" }, { "berth:publicUrl": "http://localhost:8000" }]) {
      assert.throws(() => notices("prod", values), /berth:publicUrl: .*while berth:twilioAuthToken is set/);
      for (const environment of ["dev", "stage"])
        assert.deepEqual(notices(environment, values), ["warning berth:publicUrl"]);
    }
    for (const values of [{ "berth:publicUrl": "https://a.example.org" }, { "berth:bindAddress": "203.0.113.7" }])
      for (const environment of STACKS) assert.deepEqual(notices(environment, values), []);
    makePlan(catalogue([service("a")]), context({ "berth:environment": "prod" }, { stack: "any" }));
  });
  it("N-03: warns in prod of a database that nothing encrypts, and of plain HTTP beyond the machine", () => {
    const notices = (values: Config, folder?: string, configured: readonly SecretKey[] = []) =>
      makePlan(
        catalogue([{ ...database, image: { pull: "postgres:17" } }, configured.length ? tls : edge], {
          stores: [
            { name: "postgres", major: 17, scheme: "postgres", device: { key: "berth:postgres.device", folder } },
          ],
        }),
        context(
          { "berth:environment": "prod", "berth:bindAddress": "0.0.0.0", "berth:ports": { edge: 80 }, ...values },
          { stack: "any", configured: new Set(configured) },
        ),
      ).notices.map(({ level, key }) => `${level} ${key}`);
    assert.deepEqual(notices({}), ["warning berth:postgres.device", "warning berth:tlsCertificate"]);
    assert.deepEqual(
      notices({ "berth:ports": { "edge-tls": 443 } }, "/mnt/encrypted/postgres", ["tlsCertificate", "tlsKey"]),
      [],
    );
    assert.deepEqual(notices({ "berth:bindAddress": "127.0.0.1" }, "/mnt/encrypted/postgres"), []);
    assert.deepEqual(notices({ "berth:environment": "stage" }), []);
  });
});
