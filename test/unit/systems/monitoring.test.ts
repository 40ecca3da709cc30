import assert from "node:assert/strict";
import { parse } from "yaml";
import type { SecretKey } from "../../../config/secrets.ts";
import { makePlan } from "../../../plan/plan.ts";
import { references } from "../../../plan/template.ts";
import type { ServiceSpec } from "../../../plan/types.ts";
import { systems } from "../../../systems/index.ts";
import type { MonitoringArgs } from "../../../systems/parts/monitoring-keys.ts";
import { monitoring } from "../../../systems/parts/monitoring.ts";
import { context, service, settings } from "../support.ts";

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
/** The tier beside the assistant's stores, or beside some services. */
function tier(
  services: readonly ServiceSpec[] = DATA,
  {
    off = [],
    secrets = [],
    values = {},
  }: { off?: string[]; secrets?: SecretKey[]; values?: Record<string, unknown> } = {},
): Map<string, ServiceSpec> {
  const args = {
    stack: "dev",
    settings: settings(values),
    publicUrl: "http://127.0.0.1",
    has: (key: string) => secrets.includes(key),
    isOn: (name: string) => !off.includes(name),
    baseImage: (name: string) => `${name}:1`,
  } as MonitoringArgs;
  const stores = systems.assistant.stores.filter(({ name }) => services.some((one) => one.name === name));
  const specs = monitoring(args, {
    services,
    exporters: stores.map((store) => store.exporter(args)),
    drawings: stores.map((store) => store.drawings),
    rules: stores.map(({ rules }) => rules),
  });
  return new Map(specs.map((spec) => [spec.name, spec]));
}
const file = (specs: Map<string, ServiceSpec>, name: string, path: string) => specs.get(name)!.config![path]!;
const prometheusOf = (specs: Map<string, ServiceSpec>) =>
  JSON.parse(file(specs, "prometheus", "prometheus.yml")) as Prometheus;

describe("systems/parts/monitoring", () => {
  for (const [name, { catalogue, shape }] of Object.entries(systems))
    it(`scrapes every service of ${name} that has metrics, and no other`, () => {
      const plan = makePlan(catalogue, context({ "berth:system": name }, { shape, off: new Set(["grafana", "loki"]) }));
      const { scrape_configs } = JSON.parse(
        plan.services.find((spec) => spec.name === "prometheus")!.config!["prometheus.yml"]!,
      ) as Prometheus;
      const expected = plan.services
        .filter((spec) => spec.metrics)
        .map((spec) => spec.name)
        .sort();
      assert.deepEqual(
        scrape_configs.map((job) => job.job_name),
        expected,
      );
      // Of databases the exporters tell.
      for (const tier of new Set(plan.services.map((spec) => spec.tier).filter((one) => one !== "data")))
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
    const rules = (specs: Map<string, ServiceSpec>) =>
      prometheusOf(specs).rule_files.filter((name) => /^(postgres|redis)/.test(name));
    assert.deepEqual([rules(tier()), rules(without)], [["postgres.yml", "redis.yml"], []]);
    for (const [path, text] of Object.entries(without.get("grafana")!.config!))
      if (path.startsWith("dashboards/")) assert.doesNotMatch(text, /redis_|pg_|assistant_/, path);
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

  it("keeps lines in VictoriaLogs where the stack file says so, and refers to Loki nowhere", () => {
    const of = (values: Record<string, unknown> = {}, off: string[] = []) =>
      tier(DATA, { off, values: { "berth:logs": "victorialogs", ...values } });
    const specs = of();
    assert.ok(specs.has("victorialogs") && !specs.has("loki"));
    assert.match(file(specs, "collector", "logs.yml"), /endpoint: http:\/\/victorialogs:9428\/insert\/opentelemetry\n/);
    assert.match(file(tier(), "collector", "logs.yml"), /endpoint: http:\/\/loki:3100\/otlp\n/);
    assert.deepEqual(specs.get("collector")!.after, ["victorialogs", "jaeger"]);
    assert.doesNotMatch(file(specs, "grafana", "datasources/berth.yml"), /loki:/);
    assert.ok(!("dashboards/logs.json" in specs.get("grafana")!.config!), "Grafana has no source of lines then");
    assert.deepEqual(Object.keys(of({}, ["victorialogs"]).get("collector")!.config!), ["collector.yml", "traces.yml"]);
    for (const [given, expected] of [
      ["2w", "2w"],
      ["12h", "24h"],
    ] as const) {
      const { command } = of({ "berth:retention": { logs: given } }).get("victorialogs")!;
      assert.ok(command!.includes(`-retentionPeriod=${expected}`), command!.join(" "));
    }
  });
  it("keeps as many traces as the memory limit of Jaeger has room for", () => {
    const of = (values: Record<string, unknown>) => {
      const { command, environment } = tier(DATA, { values }).get("jaeger")!;
      return [/max_traces: (\d+)/.exec(command!.join())?.[1], environment!["GOMEMLIMIT"]];
    };
    assert.deepEqual(of({}), ["5120", "204MiB"]);
    assert.deepEqual(of({ "berth:services": { jaeger: { memory: "1GiB" } } }), ["29696", "819MiB"]);
  });
  it("builds what its services run, and nothing else", () => {
    const images = (logs: string, ...off: string[]) => {
      const { images, services } = makePlan(
        systems.assistant.catalogue,
        context({ "berth:logs": logs }, { off: new Set(off) }),
      );
      const built = (some: typeof services) => some.flatMap(({ image }) => ("build" in image ? [image.build] : []));
      assert.deepEqual(Object.keys(images).sort(), [...new Set(built(services))].sort());
      return built(services.filter(({ tier }) => tier === "monitoring")).sort();
    };
    assert.deepEqual(images("loki"), ["collector"]);
    assert.deepEqual(images("victorialogs"), ["collector", "victorialogs"]);
    assert.deepEqual(images("victorialogs", "jaeger", "victorialogs"), []);
  });
  it("says which ports and names are wrong where lines are kept elsewhere", () => {
    const plan = () =>
      makePlan(systems.assistant.catalogue, context({ "berth:logs": "victorialogs", "berth:ports": { loki: 3100 } }));
    assert.throws(plan, /"loki" is not known[^]*pulumi config rm --path berth:ports\.loki --stack dev/);
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
      ["/etc/berth/secrets/alert-webhook-url"],
    );
    assert.deepEqual(
      everybody!.slack_configs!.map((one) => one.api_url_file),
      ["/etc/berth/secrets/alert-slack-url"],
    );
    assert.deepEqual(everybody!.email_configs, [mail]);
    assert.deepEqual(
      heartbeat!.webhook_configs!.map((one) => one.url_file),
      ["/etc/berth/secrets/alert-heartbeat-url"],
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
    const files = (off: string[]) => Object.keys(tier(DATA, { off }).get("collector")!.config!);
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
        ...Object.values(spec.config ?? {}),
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
