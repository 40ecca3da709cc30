import assert from "node:assert/strict";
import { makePlan } from "../../../plan/plan.ts";
import { catalogue, context, problemsOf, service } from "../support.ts";

const LOGIN = "app_@{postgresPassword|version}:@{postgresPassword}";

describe("plan/plan", () => {
  it("lets the stack file change limits, replicas and environment", () => {
    const plan = makePlan(
      catalogue([service("api", { environment: { A: 1, B: false }, variables: { C: "number" } })]),
      context({
        "berth:services": {
          api: { replicas: 3, memory: "1GiB", reserveMemory: "512MiB", environment: { B: "", C: 0 } },
        },
      }),
    );
    const [api] = plan.services;
    assert.equal(api!.replicas, 3);
    assert.deepEqual(api!.limits, { memory: 1024, cpus: 0.25, reserveMemory: 512 });
    assert.deepEqual(api!.environment, ["A=1", "B=", "C=0"]);
  });

  it("runs every stateless application as often as the stack file says, and nothing else; a service's own number counts more", () => {
    const services = [
      service("api"),
      service("worker"),
      service("fixed", { replicas: 3 }),
      service("migrate", { kind: "job" }),
      service("db", { tier: "data", kind: "stateful" }),
      service("exporter", { tier: "monitoring" }),
    ];
    const replicas = (values: Record<string, unknown>) =>
      Object.fromEntries(
        makePlan(catalogue(services), context(values)).services.map((planned) => [planned.name, planned.replicas]),
      );
    assert.deepEqual(replicas({}), { api: 1, worker: 1, fixed: 3, migrate: 1, db: 1, exporter: 1 });
    assert.deepEqual(
      replicas({ "berth:replicas": 4, "berth:services": { worker: { replicas: 2 }, fixed: { replicas: 1 } } }),
      { api: 4, worker: 2, fixed: 1, migrate: 1, db: 1, exporter: 1 },
    );
  });

  it("publishes only what the stack names, on 127.0.0.1 unless it is the edge", () => {
    const services = [
      service("postgres", { tier: "data", publish: { postgres: 5432 }, networks: ["data"] }),
      service("edge", { tier: "edge", publish: { edge: 8080 }, networks: ["app"] }),
    ];
    assert.deepEqual(
      makePlan(catalogue(services), context()).services.flatMap(({ ports }) => ports),
      [],
    );
    const plan = makePlan(
      catalogue(services),
      context({ "berth:ports": { edge: 80, postgres: 5432 }, "berth:bindAddress": "0.0.0.0", "berth:portOffset": 100 }),
    );
    assert.deepEqual(
      plan.services.flatMap(({ ports }) => ports.map(({ ip, external }) => `${ip}:${external}`)),
      ["127.0.0.1:5532", "0.0.0.0:180"],
    );
    assert.deepEqual(plan.services[0]!.networks, ["data", "edge"]);
    assert.equal(plan.publicUrl, "http://127.0.0.1:180");
    const slash = makePlan(catalogue(services), context({ "berth:publicUrl": "https://berth.example.org/" }));
    assert.equal(slash.publicUrl, "https://berth.example.org");
    const of = (url: string) => makePlan(catalogue(services), context({ "berth:publicUrl": url })).publicUrl;
    assert.equal(of("HTTPS://Berth.Example.org:443/"), "https://berth.example.org");
    assert.equal(of("http://[::1]:8080"), "http://[::1]:8080");
    assert.equal(of("https://bücher.example"), "https://xn--bcher-kva.example");
  });

  it("starts what is waited for first, and passes over what is off", () => {
    const services = [service("api", { after: ["db", "log"] }), service("db"), service("log", { optional: true })];
    const plan = makePlan(catalogue(services), context({}, { off: new Set(["log", "db", "elsewhere"]) }));
    assert.deepEqual(
      plan.services.map(({ name }) => name),
      ["db", "api"],
    );
    assert.deepEqual(plan.services[1]!.after, ["db"]);
    assert.deepEqual(plan.off, ["log"]);
  });

  it("lets a service take longer to get healthy than others, a job its time", () => {
    const plan = makePlan(
      catalogue([service("migrate", { kind: "job" }), service("routes", { waitTimeout: 15 }), service("api")]),
      context({ "berth:waitTimeout": 45, "berth:services": { migrate: { waitTimeout: 3600 } } }),
    );
    assert.deepEqual(
      plan.services.map(({ waitTimeout }) => waitTimeout),
      [3600, 60, 45],
    );
  });

  it("goes live when all is healthy that does not wait for that, wherever it stands", () => {
    const { services } = makePlan(
      catalogue([
        service("routes", { kind: "job", after: ["edge"], goesLive: true }),
        service("edge"),
        service("prune", { kind: "job", after: ["routes"] }),
        service("report", { kind: "job", after: ["prune"] }),
        service("alerts", { tier: "monitoring", optional: true }),
        service("pages", { tier: "monitoring", optional: true }),
      ]),
      context({}, { off: new Set(["pages"]) }),
    );
    assert.deepEqual(services.find(({ name }) => name === "routes")!.after, ["edge", "alerts"]);
    assert.deepEqual(
      services.map(({ name }) => name),
      ["edge", "alerts", "routes", "prune", "report"],
    );
  });

  it("knows which secrets are needed, and of which the version", () => {
    const plan = makePlan(
      catalogue([
        service("roles", { tier: "data", kind: "job", secrets: { role: LOGIN } }),
        service("api", { after: ["roles"], secrets: { url: LOGIN, key: "@{jwtSigningKey}" } }),
      ]),
      context(),
    );
    assert.deepEqual(plan.secretKeys, ["postgresPassword", "jwtSigningKey"]);
    assert.deepEqual(plan.versionedSecrets, ["postgresPassword"]);
  });

  for (const [name, services, values, key] of [
    ["a circle", [service("a", { after: ["b"] }), service("b", { after: ["a"] })], {}, "catalogue tiny"],
    [
      "a service without a health check",
      [service("a", { health: { test: ["NONE"], interval: 1, timeout: 1, retries: 1, startPeriod: 0 } })],
      {},
      "catalogue a",
    ],
    ["a wait for nobody", [service("a", { after: ["ghost"] })], {}, "catalogue a"],
    ["a file that asks for nothing known", [service("a", { secrets: { x: "@{noSuchSecret}" } })], {}, "catalogue a"],
    [
      "two routes to one path",
      [service("a", { route: { public: "/", check: "/" } }), service("b", { route: { public: "/", check: "/" } })],
      {},
      "catalogue b",
    ],
    [
      "two endpoints on one port",
      [service("a", { publish: { a: 1 } }), service("b", { publish: { b: 1 } })],
      { "berth:ports": { a: 8000, b: 8000 } },
      "berth:ports.b",
    ],
    [
      "a port beyond the last",
      [service("a", { publish: { a: 1 } })],
      { "berth:ports": { a: 60000 }, "berth:portOffset": 9000 },
      "berth:ports.a",
    ],
    ["an endpoint that is none", [service("a")], { "berth:ports": { b: 8000 } }, "berth:ports"],
    ["settings for no service", [service("a")], { "berth:services": { b: {} } }, "berth:services"],
    ["a needed service switched off", [service("a")], { "berth:off": ["a"] }, "berth:off"],
    [
      "a second writer of one volume",
      [service("db", { kind: "stateful" })],
      { "berth:services": { db: { replicas: 2 } } },
      "berth:services.db.replicas",
    ],
    [
      "less memory than it lives on",
      [service("a", { limits: { memory: 64, cpus: 1, least: 48 } })],
      { "berth:services": { a: { memory: "47MiB" } } },
      "berth:services.a.memory",
    ],
    [
      "less than a quarter of the memory that is proposed",
      [service("a", { limits: { memory: 64, cpus: 1 } })],
      { "berth:services": { a: { memory: "15MiB" } } },
      "berth:services.a.memory",
    ],
    [
      "two volumes in one folder",
      [
        service("a", { volumes: [{ name: "a-data", path: "/a", device: "/mnt/a" }] }),
        service("b", { volumes: [{ name: "b-data", path: "/b", device: "/mnt/a" }] }),
      ],
      {},
      "berth:b.device",
    ],
    [
      "a volume inside another",
      [
        service("a", { volumes: [{ name: "a-data", path: "/a", device: "/mnt/a/b" }] }),
        service("b", { volumes: [{ name: "b-data", path: "/b", device: "/mnt/a" }] }),
      ],
      {},
      "berth:b.device",
    ],
    [
      "more memory than the host has",
      [service("a")],
      { "berth:services": { a: { memory: "64GiB" } } },
      "berth:services.a.memory",
    ],
    ["more cores than the host has", [service("a")], { "berth:services": { a: { cpus: 8 } } }, "berth:services.a.cpus"],
    [
      "more reserved than the limit",
      [service("a")],
      { "berth:services": { a: { reserveMemory: "1GiB" } } },
      "berth:services.a.reserveMemory",
    ],
    [
      "a weight beyond what it may take",
      [service("a")],
      { "berth:services": { a: { reserveCpus: 4 } } },
      "berth:services.a.reserveCpus",
    ],
    [
      "more reserved than the host has",
      [service("a", { limits: { memory: 4096, cpus: 1, reserveMemory: 4096 } })],
      { "berth:services": { a: { replicas: 3 } } },
      "berth:services",
    ],
    ["a third-party secret that is missing", [service("a", { secrets: { x: "@{llmApiKey}" } })], {}, "berth:llmApiKey"],
    [
      "TLS without a certificate",
      [service("edge", { tier: "edge", publish: { "edge-tls": 8443 } })],
      { "berth:ports": { "edge-tls": 443 } },
      "berth:tlsCertificate",
    ],
    [
      "source mounts in prod",
      [service("a")],
      { "berth:environment": "prod", "berth:sourceMounts": true, "berth:imageTarget": "development" },
      "berth:sourceMounts",
    ],
    ["debug in stage", [service("a")], { "berth:environment": "stage", "berth:debug": true }, "berth:debug"],
  ] as const)
    it(`refuses ${name}`, () => {
      const problems = problemsOf(services, values);
      const found = problems.find((problem) => problem.key === key);
      assert.ok(found, JSON.stringify(problems));
      assert.ok(found.got && found.allowed && found.fix);
    });
});
