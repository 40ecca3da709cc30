import assert from "node:assert/strict";
import { makePlan } from "../../../plan/plan.ts";
import type { Route, ServiceSpec, System, VolumeMount } from "../../../plan/types.ts";
import { catalogue, context, problemsOf, service } from "../support.ts";

/** A service with a route, and what tells an edge of all of these. */
const routed = (name: string, route: Partial<Route>, more: Partial<ServiceSpec> = {}): ServiceSpec =>
  service(name, { port: 80, route: { check: "/", ...route }, ...more });
const edge = (...names: string[]): ServiceSpec =>
  service("edge-routes", {
    kind: "job",
    networks: [],
    config: { upstreams: names.map((name) => `@{containers:${name}}`).join(" ") },
  });
const mounting = (name: string, ...volumes: VolumeMount[]): ServiceSpec => service(name, { kind: "stateful", volumes });
const data = (more: Partial<VolumeMount> = {}): VolumeMount => ({ name: "data", path: "/data", keep: "data", ...more });

describe("plan/checks/entries", () => {
  const refuses = (what: string, services: ServiceSpec[], expected: string[], system: Partial<System> = {}) =>
    it(`refuses ${what}`, () => {
      const found = problemsOf(services, {}, {}, system);
      assert.deepEqual(
        found.map(({ key, got }) => `${key}: ${got}`),
        expected,
      );
      for (const { allowed, fix } of found) assert.ok(allowed && fix.includes("systems/"));
    });

  refuses(
    "two services of one name, once",
    [service("a"), service("b"), service("a"), service("a")],
    ["catalogue a: two services of this name"],
  );
  refuses(
    "names that no other could use",
    [service("my_api", { port: 80, publish: { Api: 80 } }), mounting("db", { name: "db data", path: "/data" })],
    ["my_api", "db data", "Api"].map((name) => `catalogue name "${name}": is no name`),
  );
  refuses(
    "an endpoint of two",
    ["a", "b"].map((name) => service(name, { port: 80, publish: { web: 80 } })),
    ["catalogue b: publishes web, as a does"],
  );
  refuses(
    "several of what there is one of",
    [mounting("db", data()), service("twice", { kind: "job", replicas: 2 })],
    ["catalogue twice: 2 replicas of a job service"],
  );
  refuses(
    "a health check that is switched off",
    [service("a", { health: { ...service("a").health, test: ["NONE", ""] } })],
    ["catalogue a: no health check"],
  );
  refuses(
    "a log-in that is dropped by a secret's name that is nearly one",
    [service("prune", { kind: "job", prunes: "postgresPasword" })],
    ['catalogue prune: prunes "postgresPasword"; did you mean postgresPassword?'],
  );
  const roles = service("roles", { kind: "job", secrets: { url: "@{postgresPassword}" } });
  const sharing = (name: string, more: Partial<ServiceSpec>): ServiceSpec =>
    service(name, { kind: "job", sharesFilesOf: "roles", ...more });
  refuses(
    "files of another that are not there, or not yet, or not readable, or beside its own",
    [
      roles,
      service("bare"),
      sharing("ghosts", { sharesFilesOf: "role" }),
      sharing("early", {}),
      sharing("other-user", { after: ["roles"], uid: 1 }),
      sharing("both", { after: ["roles"], config: { "a.yml": "a" } }),
      sharing("none", { after: ["bare"], sharesFilesOf: "bare" }),
    ],
    ["ghosts", "early", "other-user", "both", "none"].map(
      (name) => `catalogue ${name}: reads the files of "${{ ghosts: "role", none: "bare" }[name] ?? "roles"}"`,
    ),
  );
  it("takes files of another that comes before", () =>
    assert.ok(makePlan(catalogue([roles, sharing("prune", { after: ["roles"] })]), context())));
  refuses(
    "connections that nobody can count",
    [service("a", { environment: { POOL: 5 }, connections: { variable: "POOL_SIZE", besides: 0 } })],
    ["catalogue a: counts its connections by POOL_SIZE, which is not in its environment"],
  );
  refuses(
    "a schema that nobody makes",
    [service("db"), service("migrate", { kind: "job" })],
    ['catalogue tiny: its schema\'s version names "migrat"; did you mean migrate?'],
    { schemaVersion: { service: "db", madeBy: "migrat", command: ["true"] } },
  );
  refuses(
    "a wait for nobody, with the name that was meant",
    [service("api", { after: ["migrat", "ghost"] }), service("migrate", { kind: "job" })],
    [
      'catalogue api: waits for "migrat", which is not there; did you mean migrate?',
      'catalogue api: waits for "ghost", which is not there',
    ],
  );
  refuses(
    "a file that asks for a secret by a name that is nearly one",
    [service("a", { secrets: { x: "@{postgresPasword}" } })],
    ["catalogue a: a file refers to @{postgresPasword}; did you mean postgresPassword?"],
  );
  refuses(
    "an image that nobody builds",
    [service("a", { image: { build: "assistent" } })],
    ['catalogue a: runs the image "assistent", which nobody builds; did you mean assistant?'],
    { images: { assistant: { context: "services/assistant", target: "runtime", args: {} } } },
  );
  refuses(
    "a store that the system does not have",
    [service("a", { uses: ["postgers", "mongo"] })],
    [
      'catalogue a: uses "postgers", which the system does not have; did you mean postgres?',
      'catalogue a: uses "mongo", which the system does not have',
    ],
    { stores: [{ name: "postgres", major: 17, scheme: "postgres" }] },
  );
  refuses(
    "metrics that Prometheus cannot ask for",
    [service("a", { metrics: {} })],
    ["catalogue a: has metrics but no port", "catalogue a: has metrics, but is not on the network monitoring"],
  );
  refuses(
    "a volume that one service keeps and another does not, naming both",
    [mounting("db", data()), mounting("job", data({ keep: "scratch" })), mounting("other", data())],
    ["catalogue job: mounts the volume data as scratch; to db it is data"],
  );
  refuses(
    "a volume in two places",
    [mounting("db", data({ device: "/mnt/a" })), mounting("job", data({ device: "/mnt/b" })), mounting("x", data())],
    [
      "catalogue job: mounts the volume data as data in /mnt/b; to db it is data in /mnt/a",
      "catalogue x: mounts the volume data as data; to db it is data in /mnt/a",
    ],
  );
  refuses(
    "everything that is wrong, at once",
    [
      service("a", { after: ["b"], image: { build: "none" }, metrics: { port: 1 } }),
      mounting("c", data(), data({ keep: "scratch" })),
    ],
    [
      'catalogue a: waits for "b", which is not there',
      'catalogue a: runs the image "none", which nobody builds',
      "catalogue a: has metrics, but is not on the network monitoring",
      "catalogue c: mounts the volume data as scratch; to c it is data",
    ],
    { images: {} },
  );

  it("takes a volume that is scratch to everybody, said or not", () =>
    assert.ok(
      makePlan(
        catalogue([
          mounting("a", { name: "s", path: "/s" }),
          mounting("b", { name: "s", path: "/t", keep: "scratch", readOnly: true }),
          service("c", { port: 1, metrics: {}, networks: ["monitoring"], tier: "monitoring" }),
        ]),
        context(),
      ),
    ));

  describe("routes", () => {
    refuses(
      "one without a port",
      [routed("a", { public: "/" }, { port: undefined! })],
      ["catalogue a: has a route but no port"],
    );
    refuses(
      "one that the edge cannot go",
      [routed("a", { public: "/" }, { networks: ["data"] }), edge("a")],
      ["catalogue a: has a route, but is not on the network app"],
    );
    refuses(
      "two probes of one port",
      [
        routed(
          "a",
          { public: "/" },
          {
            routes: [
              { public: "/b", check: "/b", probe: "/live" },
              { internal: 1, check: "/", port: 81 },
            ],
          },
        ),
        edge("a"),
      ],
      ["catalogue a: is asked on port 80 for /health and for /live"],
    );
    refuses("one from nowhere", [routed("a", {}), edge("a")], ["catalogue a: has a route from nowhere"]);
    refuses(
      "one that no edge was told of",
      [routed("a", { public: "/" }), routed("b", { internal: 1 }), edge("b")],
      ["catalogue a: has a route that no edge serves"],
    );
    refuses(
      "an application that nobody watches, where there is an edge",
      [routed("a", { public: "/" }), service("worker", { port: 1 }), edge("a")],
      ["catalogue worker: is not watched while a release settles"],
    );
    for (const path of ["billing", "/billing/", "//billing", "/b b", ""])
      refuses(
        `the path "${path}", which could be written otherwise`,
        [routed("a", { public: path }), edge("a")],
        [`catalogue a: has the public path "${path}"`],
      );
    refuses(
      "a check and a probe that are no paths",
      [routed("a", { public: "/", check: "health", probe: "http://a/health" }), edge("a")],
      ['catalogue a: is asked for "health"', 'catalogue a: is asked for "http://a/health"'],
    );
    refuses(
      "a check that another service answers, and one that nobody does",
      [
        routed("api", { public: "/", check: "/sms/health" }),
        routed("sms", { public: "/sms", check: "/smshealth" }),
        edge("api", "sms"),
      ],
      [
        "catalogue api: its check /sms/health is answered by sms",
        "catalogue sms: its check /smshealth is answered by api",
      ],
    );
    refuses(
      "what is taken, by another service or by the edge itself",
      [
        routed("a", { public: "/a", internal: 8001, check: "/a" }),
        routed("b", { public: "/a", internal: 8001, check: "/a" }),
        routed("c", { public: "/metrics", internal: 8080, check: "/metrics/health" }),
        edge("a", "b", "c"),
      ],
      [
        "catalogue b: path /a is taken by a",
        "catalogue b: internal port 8001 is taken by a",
        "catalogue c: path /metrics is taken by the edge",
        "catalogue c: internal port 8080 is taken by the edge",
      ],
    );
    it("takes a path below another's, and checks with a question mark", () => {
      const services = [
        routed("api", { public: "/", check: "/health?deep=1" }),
        routed("billing", { public: "/billing", check: "/billing?x", probe: "/health" }),
        routed("invoices", { public: "/billing/invoices", check: "/billing/invoices" }),
        routed("agent", { internal: 8001, check: "/health" }),
        edge("api", "billing", "invoices", "agent"),
      ];
      const { urls } = makePlan(catalogue(services), context());
      assert.deepEqual(Object.keys(urls), ["api", "billing", "invoices"]);
    });
  });
});

const LOGIN = "app_@{postgresPassword|version}:@{postgresPassword}";

describe("plan/checks/logins", () => {
  const maker = service("roles", { tier: "data", kind: "job", secrets: { role: LOGIN } });
  const prune = service("prune", { tier: "data", kind: "job", after: ["roles"], prunes: "postgresPassword" });
  const consumer = (name: string, ...after: string[]): ServiceSpec => service(name, { after, secrets: { url: LOGIN } });
  const gots = (...services: ServiceSpec[]) =>
    problemsOf(services).map(({ key, got, allowed }) => `${key}: ${got}; ${allowed}`);
  const WORDS = "names the login @{postgresPassword|version}, which nobody makes before";

  it("refuses a login that nobody makes; a migration only uses it", () =>
    assert.deepEqual(gots(consumer("migrate"), service("api", { ...consumer("api", "migrate"), kind: "job" })), [
      `catalogue migrate: ${WORDS}; a place after a job of the data tier that reads postgresPassword and makes the login`,
      `catalogue api: ${WORDS}; a place after a job of the data tier that reads postgresPassword and makes the login`,
    ]));
  it("refuses one that is used before it is made", () =>
    assert.deepEqual(gots(maker, consumer("api"), consumer("worker", "roles")), [
      `catalogue api: ${WORDS}; a place after roles`,
    ]));
  it("takes it at the end of a longer way", () =>
    assert.ok(
      makePlan(catalogue([maker, service("migrate", { after: ["roles"] }), consumer("api", "migrate")]), context()),
    ));

  it("the former logins go after every consumer, wherever it stands; not after what is off", () => {
    const off = service("sms", { ...consumer("sms", "roles"), optional: true });
    const inConfig = service("late", { after: ["api"], config: { url: LOGIN } });
    const all = [maker, consumer("api", "roles"), off, service("other", { secrets: { p: "@{postgresPassword}" } })];
    for (const services of [
      [...all, inConfig, { ...prune, secrets: { role: "@{postgresPassword|version}" } }],
      [{ ...prune, secrets: { role: "@{postgresPassword|version}" } }, inConfig, ...all.toReversed()],
    ]) {
      const planned = makePlan(catalogue(services), context({}, { off: new Set(["sms"]) }));
      const { name, after } = planned.services.find(({ prunes }) => prunes)!;
      assert.equal(name, "prune");
      assert.deepEqual([...after].sort(), ["api", "late", "roles"]);
      const order = planned.services.map((one) => one.name);
      assert.ok(order.indexOf("prune") > order.indexOf("late"), order.join(" "));
    }
  });
  it("refuses a consumer that waits for the end of its own login", () =>
    assert.match(
      gots(maker, prune, service("api", { ...consumer("api"), after: ["prune"] })).join(),
      /wait for each other: .*(prune → api|api → prune)/,
    ));
});
