import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import type { SecretKey } from "../../config/secrets.ts";
import { dashboards } from "../../monitoring/dashboards/index.ts";
import { knownMetrics, metricsIn } from "../../monitoring/metrics.ts";
import { expressionsOf, render } from "../../monitoring/panels.ts";
import type { CatalogueArgs } from "../../plan/types.ts";
import { makePlan } from "../../plan/plan.ts";
import { scrapeConfig, type Target, targets } from "../../plan/scrape.ts";
import { references } from "../../plan/template.ts";
import type { ServiceSpec } from "../../plan/types.ts";
import { systems } from "../../systems/index.ts";
import { monitoring } from "../../systems/parts/monitoring.ts";
import { context, service, settings } from "./support.ts";

const ROOT = join(import.meta.dirname, "../..");
const read = (path: string) => readFileSync(join(ROOT, path), "utf8");

interface Rule {
  alert: string;
  expr: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
}
const ruleTests = readdirSync(join(ROOT, "monitoring/rules-test"))
  .map((file) => read(`monitoring/rules-test/${file}`))
  .join("\n");
const ruleFiles = readdirSync(join(ROOT, "monitoring/rules"));
const rules = ruleFiles
  .flatMap((file) => (parse(read(`monitoring/rules/${file}`)) as { groups: { rules: Rule[] }[] }).groups)
  .flatMap((group) => group.rules);

interface Job {
  job_name: string;
  metrics_path: string;
  dns_sd_configs: object[];
  relabel_configs: { target_label: string; replacement: string }[];
}
interface Prometheus {
  scrape_configs: Job[];
  rule_files: string[];
  alerting?: object;
  global: { external_labels: object };
}

const DATA = [service("postgres", { environment: { POSTGRES_DB: "tiny" } }), service("redis")];
function tier(
  services: readonly ServiceSpec[] = DATA,
  {
    off = [],
    secrets = [],
    values = {},
  }: { off?: string[]; secrets?: SecretKey[]; values?: Record<string, unknown> } = {},
): Map<string, ServiceSpec> {
  const args: CatalogueArgs = {
    stack: "dev",
    settings: settings(values),
    publicUrl: "http://127.0.0.1",
    has: (key) => secrets.includes(key),
    isOn: (name) => !off.includes(name),
  };
  return new Map(monitoring(args, services).map((spec) => [spec.name, spec]));
}
const file = (specs: Map<string, ServiceSpec>, name: string, path: string) => specs.get(name)!.config!.files[path]!;
const prometheusOf = (specs: Map<string, ServiceSpec>) =>
  JSON.parse(file(specs, "prometheus", "prometheus.yml")) as Prometheus;

describe("plan/scrape", () => {
  const cases: [string, Partial<ServiceSpec>, Target | undefined][] = [
    [
      "the service's own port",
      { port: 8000, metrics: {} },
      { service: "x", tier: "app", port: 8000, path: "/metrics" },
    ],
    [
      "a port for metrics alone",
      { tier: "edge", port: 8080, metrics: { port: 8090 } },
      { service: "x", tier: "edge", port: 8090, path: "/metrics" },
    ],
    [
      "labels that are the metrics' own",
      { port: 1, metrics: { honorLabels: true } },
      { service: "x", tier: "app", port: 1, path: "/metrics", honorLabels: true },
    ],
    ["another path", { port: 1, metrics: { path: "/m" } }, { service: "x", tier: "app", port: 1, path: "/m" }],
    ["no metrics", { port: 8000 }, undefined],
  ];
  for (const [name, spec, expected] of cases)
    it(`finds ${name}`, () => assert.deepEqual(targets([service("x", spec)]), expected ? [expected] : []));

  it("refuses metrics at no port", () =>
    assert.throws(() => targets([service("x", { metrics: {} })]), /catalogue x: has metrics but no port/));

  it("writes one job a service, found by its alias, with its labels", () => {
    const text = scrapeConfig({
      system: "tiny",
      environment: "dev",
      rules: ["b.yml", "a.yml"],
      services: [service("x", { port: 80, metrics: {} })],
      alertmanager: 9093,
    });
    assert.deepEqual(JSON.parse(text), {
      global: {
        scrape_interval: "15s",
        scrape_timeout: "10s",
        evaluation_interval: "15s",
        external_labels: { environment: "dev", system: "tiny" },
      },
      rule_files: ["a.yml", "b.yml"],
      alerting: {
        alertmanagers: [
          { dns_sd_configs: [{ names: ["alertmanager"], type: "A", port: 9093, refresh_interval: "15s" }] },
        ],
      },
      scrape_configs: [
        {
          job_name: "x",
          metrics_path: "/metrics",
          dns_sd_configs: [{ names: ["x"], type: "A", port: 80, refresh_interval: "15s" }],
          relabel_configs: [
            { target_label: "service", replacement: "x" },
            { target_label: "tier", replacement: "app" },
            { target_label: "environment", replacement: "dev" },
            { target_label: "system", replacement: "tiny" },
          ],
        },
      ],
    });
  });

  it("does not change with the order or the number of containers", () => {
    const config = (...services: ServiceSpec[]) =>
      scrapeConfig({ system: "tiny", environment: "dev", rules: [], services });
    const [a, b] = [service("a", { port: 1, metrics: {} }), service("b", { port: 2, metrics: {} })];
    assert.equal(config(b, { ...a, replicas: 3 }), config(a, b));
  });
});

describe("systems/parts/monitoring", () => {
  for (const [name, catalogue] of Object.entries(systems))
    it(`scrapes every service of ${name} that has metrics, and no other`, () => {
      const plan = makePlan(catalogue, context({ "berth:system": name }, { off: new Set(["grafana", "loki"]) }));
      const { scrape_configs } = JSON.parse(
        plan.services.find((spec) => spec.name === "prometheus")!.config!.files["prometheus.yml"]!,
      ) as Prometheus;
      const expected = plan.services
        .filter((spec) => spec.metrics)
        .map((spec) => spec.name)
        .sort();
      assert.deepEqual(
        scrape_configs.map((job) => job.job_name),
        expected,
      );
      for (const tier of ["edge", "app", "monitoring"])
        assert.ok(
          plan.services.some((spec) => spec.tier === tier && spec.metrics),
          tier,
        );
      for (const spec of plan.services.filter((other) => other.metrics))
        assert.ok(spec.networks.includes("monitoring"), `${spec.name} is out of Prometheus's reach`);
    });

  it("watches only the databases that there are", () => {
    assert.ok(tier().has("postgres-exporter") && tier().has("redis-exporter"));
    const without = tier([]);
    assert.ok(!without.has("postgres-exporter") && !without.has("redis-exporter"));
    for (const [path, text] of Object.entries(without.get("grafana")!.config!.files))
      if (path.startsWith("dashboards/")) assert.doesNotMatch(text, /redis_|pg_/, path);
  });

  it("keeps what the stack file says, and at least a day of logs", () => {
    const kept = (metrics: string, logs: string) => tier(DATA, { values: { "berth:retention": { metrics, logs } } });
    assert.ok(kept("30d", "2w").get("prometheus")!.command!.includes("--storage.tsdb.retention.time=30d"));
    for (const [given, expected] of [
      ["2w", "2w"],
      ["12h", "24h"],
      ["36h", "36h"],
    ] as const)
      assert.equal(
        (parse(file(kept("1d", given), "loki", "loki.yml")) as { limits_config: { retention_period: string } })
          .limits_config.retention_period,
        expected,
      );
  });

  it("sends alerts where the secrets say, and nowhere else", () => {
    interface Alertmanager {
      route: { routes: { receiver: string }[] };
      receivers: {
        name: string;
        webhook_configs?: { url_file: string }[];
        slack_configs?: { api_url_file: string }[];
        email_configs?: object[];
      }[];
    }
    const configOf = (specs: Map<string, ServiceSpec>) => specs.get("alertmanager")!.secrets!["alertmanager.yml"]!;
    const silent = tier();
    assert.deepEqual(silent.get("alertmanager")!.networks, ["monitoring"]);
    assert.deepEqual((JSON.parse(configOf(silent)) as Alertmanager).receivers, [
      { name: "default" },
      { name: "heartbeat" },
    ]);
    assert.deepEqual(Object.keys(silent.get("alertmanager")!.secrets!), ["alertmanager.yml"]);

    const loud = tier(DATA, { secrets: ["alertWebhookUrl", "alertSlackUrl", "alertMail", "alertHeartbeatUrl"] });
    assert.deepEqual(loud.get("alertmanager")!.networks, ["monitoring", "egress"]);
    const mail = { to: "ops@example.org", from: "berth@example.org", smarthost: "127.0.0.1:25" };
    const {
      receivers: [everybody, heartbeat],
    } = JSON.parse(configOf(loud).replace("@{alertMail}", JSON.stringify(mail))) as Alertmanager;
    assert.deepEqual(
      everybody!.webhook_configs!.map((one) => one.url_file),
      ["/run/secrets/alert-webhook-url"],
    );
    assert.deepEqual(
      everybody!.slack_configs!.map((one) => one.api_url_file),
      ["/run/secrets/alert-slack-url"],
    );
    assert.deepEqual(everybody!.email_configs, [mail]);
    assert.deepEqual(
      heartbeat!.webhook_configs!.map((one) => one.url_file),
      ["/run/secrets/alert-heartbeat-url"],
    );
    assert.deepEqual(Object.keys(loud.get("alertmanager")!.secrets!).sort(), [
      "alert-heartbeat-url",
      "alert-slack-url",
      "alert-webhook-url",
      "alertmanager.yml",
    ]);
    assert.ok(prometheusOf(loud).alerting);
    assert.equal(prometheusOf(tier(DATA, { off: ["alertmanager"] })).alerting, undefined);
  });

  it("bounds what metrics take of the disk", () => {
    const { command } = tier(DATA, { values: { "berth:retention": { metricsSize: "2GiB" } } }).get("prometheus")!;
    assert.ok(command!.includes("--storage.tsdb.retention.size=2048MB"), command!.join(" "));
  });

  it("tells the measure of containers the tier of every service, its own included", () => {
    const start = file(tier(), "node-exporter", "start.sh");
    for (const pair of [
      "postgres=app",
      "redis-exporter=monitoring",
      "node-exporter=monitoring",
      "prometheus=monitoring",
      "grafana=monitoring",
    ])
      assert.ok(start.includes(pair), pair);
    assert.ok(!file(tier(DATA, { off: ["loki"] }), "node-exporter", "start.sh").includes("loki="));
  });

  it("refers to nothing that is off", () => {
    const everything = file(tier(), "grafana", "datasources/berth.yml");
    assert.match(everything, /http:\/\/loki:3100/);
    assert.match(everything, /"datasourceUid": "jaeger"/);
    const specs = tier(DATA, { off: ["loki", "jaeger"] });
    const sources = JSON.parse(file(specs, "grafana", "datasources/berth.yml")) as {
      datasources: { name: string }[];
      deleteDatasources: { name: string }[];
    };
    assert.deepEqual(
      sources.datasources.map(({ name }) => name),
      ["Prometheus"],
    );
    assert.deepEqual(
      sources.deleteDatasources.map(({ name }) => name),
      ["Loki", "Jaeger"],
    );
    assert.ok(!specs.has("collector"), "nobody to send to");
    assert.ok(tier(DATA, { off: ["loki", "jaeger", "collector"] }).has("collector"), "a stack file may name it");
  });

  it("collects the lines of this stack only", () => {
    assert.match(file(tier(), "collector", "logs.yml"), /not \(body contains "\\"berth\.stack\\":\\"dev\\""\)/);
    const files = (off: string[]) => Object.keys(tier(DATA, { off }).get("collector")!.config!.files);
    assert.deepEqual(files(["jaeger"]), ["collector.yml", "logs.yml"]);
    assert.deepEqual(files(["loki"]), ["collector.yml", "traces.yml"]);
    assert.equal(
      tier(DATA, { off: ["loki"] }).get("collector")!.hostMounts,
      undefined,
      "spans are no reason to read log files",
    );
    assert.deepEqual(
      Object.keys(tier(DATA, { values: { "berth:dockerRoot": "/srv/docker" } }).get("collector")!.hostMounts!),
      ["/srv/docker/containers"],
    );
  });

  it("keeps passwords out of everything but secret files", () => {
    for (const spec of tier(DATA, { secrets: ["alertWebhookUrl"] }).values()) {
      const open = [
        ...(spec.command ?? []),
        ...Object.values(spec.environment ?? {}).map(String),
        ...Object.values(spec.config?.files ?? {}),
      ];
      assert.deepEqual(open.flatMap(references), [], spec.name);
    }
  });

  it("mounts of the engine's machine what holds no socket", () => {
    for (const spec of tier().values())
      for (const path of Object.keys(spec.hostMounts ?? {}))
        assert.ok(["/sys/fs/cgroup", "/var/lib/docker/containers"].includes(path), path);
  });
});

describe("monitoring", () => {
  const known: readonly string[] = Object.values(knownMetrics).flat();

  it("finds the names of metrics in a query", () => {
    const cases: [string, string[]][] = [
      ["up == 0", ["up"]],
      [
        'sum by (service) (rate(a_total{status=~"5..", route!~"/x|/y"}[5m])) / sum without(le) (b_total) > 0.05',
        ["a_total", "b_total"],
      ],
      [
        "histogram_quantile(0.95, sum by (le) (rate(c_bucket[5m]))) and on (x) group_left(y) d or vector(0)",
        ["c_bucket", "d"],
      ],
      ['label_replace(e == 0, "service", "$1", "config", "(.+)")', ["e"]],
      ["node:f:rate5m offset 1h unless g", ["g", "node:f:rate5m"]],
    ];
    for (const [query, names] of cases) assert.deepEqual(metricsIn(query), names, query);
  });

  it("knows only names that somebody emits", () => {
    const application = read("services/assistant/src/personal_assistant/core/metrics.py");
    const emitted = [...application.matchAll(/(?:Counter|Gauge|Histogram|CounterMetricFamily)\(\s*"(\w+)"/g)].map(
      (match) => match[1]!,
    );
    for (const name of knownMetrics.applications)
      assert.ok(
        emitted.some((one) => [one, `${one}_total`, `${one}_bucket`].includes(name)),
        name,
      );
    const agent = `${read("services/edge/bin/edge-agent")}${read("services/edge/requests.awk")}`;
    for (const name of knownMetrics.edge) assert.ok(agent.includes(`# TYPE ${name.replace(/_bucket$/, "")} `), name);
    const containers = read("monitoring/machine/containers.awk");
    for (const name of knownMetrics.containers) assert.ok(containers.includes(`sample("${name}", `), name);
    const backup = read("services/backup/src/backup/state.py");
    for (const name of knownMetrics.backup) assert.ok(backup.includes(`"${name}"`), name);
  });

  for (const rule of rules)
    it(`${rule.alert} asks for known metrics and says what to do`, () => {
      assert.ok(metricsIn(rule.expr).length > 0 || rule.alert === "Watchdog");
      for (const name of metricsIn(rule.expr)) assert.ok(known.includes(name), name);
      assert.match(rule.labels.severity ?? "", /^(critical|warning|none)$/);
      assert.ok(rule.annotations.summary);
      const anchor = rule.alert.replace(/(?<=[a-z])(?=[A-Z])/g, "-").toLowerCase();
      assert.equal(rule.annotations.runbook_url, `docs/troubleshooting.md#${anchor}`);
      assert.match(read("docs/troubleshooting.md"), new RegExp(`^#+ ${anchor}$`, "m"));
      assert.ok(ruleTests.includes(`alertname: ${rule.alert}`), "has no test");
    });

  const drawn = dashboards({
    system: "tiny",
    tls: true,
    services: [
      { name: "edge", tier: "edge", metrics: {} },
      ...["api", "worker"].map((name) => ({ name, tier: "app", metrics: {} }) as const),
      ...["postgres", "redis"].map((name) => ({ name, tier: "data" }) as const),
      ...["prometheus", "alertmanager", "loki"].map((name) => ({ name, tier: "monitoring", metrics: {} }) as const),
    ],
  });

  it("has a dashboard for everything", () =>
    assert.deepEqual(
      drawn.map(({ name }) => name),
      ["overview", "edge", "app", "data", "monitoring", "database", "queue", "deployments", "machine", "logs"],
    ));
  it("gives every service a row of the overview", () =>
    assert.deepEqual(
      drawn[0]!.rows.map(({ title }) => title),
      ["Now", "edge", "api", "worker", "postgres", "redis", "alertmanager", "loki", "prometheus"],
    ));

  it("draws known metrics only", () => {
    const expressions = expressionsOf(drawn);
    assert.ok(expressions.length > 150, String(expressions.length));
    for (const expression of expressions) {
      assert.ok(metricsIn(expression).length, expression);
      for (const name of metricsIn(expression)) assert.ok(known.includes(name), `${name} in ${expression}`);
    }
  });
  it("uses every metric that it knows", () => {
    const used = new Set([...expressionsOf(drawn), ...rules.map((rule) => rule.expr)].flatMap(metricsIn));
    assert.deepEqual(
      known.filter((name) => !used.has(name)),
      [],
    );
  });

  for (const dashboard of drawn)
    it(`${dashboard.name}: its panels do not overlap, and ask who is there`, () => {
      interface Shown {
        id: number;
        type: string;
        datasource?: { uid: string };
        gridPos: { x: number; y: number; w: number; h: number };
      }
      const { panels } = JSON.parse(render("tiny", dashboard)) as { panels: Shown[] };
      const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
        Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
      );
      assert.equal(new Set(cells).size, cells.length);
      assert.ok(panels.every(({ gridPos: { x, w } }) => x + w <= 24));
      assert.equal(new Set(panels.map((panel) => panel.id)).size, panels.length);
      for (const { type, datasource } of panels.filter((panel) => panel.type !== "row"))
        assert.equal(datasource!.uid, dashboard.name === "logs" ? "loki" : "prometheus", type);
    });
});
