import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { chromaDrawings } from "../../../monitoring/dashboards/chroma.ts";
import { mongoDrawings } from "../../../monitoring/dashboards/mongo.ts";
import { neo4jDrawings } from "../../../monitoring/dashboards/neo4j.ts";
import { dashboards } from "../../../monitoring/dashboards/index.ts";
import { knownMetrics, metricsIn } from "../../../monitoring/metrics.ts";
import { expressionsOf, render } from "../../../monitoring/panels.ts";
import { drawings as assistant } from "../../../systems/assistant/panels.ts";
import { drawings as kailash } from "../../../systems/kailash/panels.ts";
import { drawings as samplemind } from "../../../systems/samplemind/panels.ts";
import { systems } from "../../../systems/index.ts";

const ROOT = join(import.meta.dirname, "../../..");
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

describe("monitoring", () => {
  const { drawings } = systems.assistant;
  const known: readonly string[] = [
    ...Object.values(knownMetrics).flat(),
    ...Object.values(systems).flatMap((system) => system.drawings.flatMap(({ metrics }) => metrics)),
  ];

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
    const application = ["assistant/src/personal_assistant/core/metrics.py", "python/app/lib/berth/network.py"]
      .map((file) => read(`services/${file}`))
      .join("");
    const emitted = [...application.matchAll(/(?:Counter|Gauge|Histogram|CounterMetricFamily)\(\s*"(\w+)"/g)].map(
      (match) => match[1]!,
    );
    for (const name of [...knownMetrics.applications, ...assistant.metrics])
      assert.ok(
        emitted.some((one) => [one, `${one}_total`, `${one}_bucket`].includes(name)),
        name,
      );
    const agent = `${read("services/edge/bin/edge-agent")}${read("services/edge/requests.awk")}`;
    for (const name of knownMetrics.edge) assert.ok(agent.includes(`# TYPE ${name.replace(/_bucket$/, "")} `), name);
    const containers = read("monitoring/machine/containers.awk");
    for (const name of knownMetrics.containers) assert.ok(containers.includes(`sample("${name}", `), name);
    const own = read("services/samplemind/src/samplemind/metrics.py");
    // Flower tells of the workers.
    for (const name of samplemind.metrics.filter((one) => !one.startsWith("flower_")))
      assert.ok(own.includes(`"${name.replace(/_bucket$/, "")}"`), name);
    const knowledge = read("services/kailash/src/knowledge/metrics.py");
    for (const name of kailash.metrics) assert.ok(knowledge.includes(`"${name.replace(/_bucket$/, "")}"`), name);
    const stores = ["mongo", "vectors", "neo4j", "__main__"]
      .map((file) => read(`services/stores/src/stores/${file}.py`))
      .join();
    for (const { metrics } of [mongoDrawings, chromaDrawings, neo4jDrawings])
      for (const name of metrics) assert.ok(stores.includes(`"${name}"`), name);
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
    drawings,
    services: [
      { name: "edge", tier: "edge", metrics: {} },
      ...["api", "worker"].map((name) => ({ name, tier: "app", metrics: {} }) as const),
      ...["postgres", "redis"].map((name) => ({ name, tier: "data" }) as const),
      ...["prometheus", "alertmanager", "loki"].map((name) => ({ name, tier: "monitoring", metrics: {} }) as const),
    ],
  });

  const everybodys = [
    ...drawn,
    ...dashboards({
      system: "tiny",
      tls: true,
      drawings: systems.samplemind.drawings,
      services: [
        ...["backend", "worker"].map((name) => ({ name, tier: "app" }) as const),
        ...["mongo", "redis", "chroma"].map((name) => ({ name, tier: "data" }) as const),
      ],
    }),
    ...dashboards({
      system: "tiny",
      tls: true,
      drawings: systems.kailash.drawings,
      services: [
        { name: "dataflow", tier: "app" },
        { name: "neo4j", tier: "data" },
      ],
    }),
  ];

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
    const expressions = expressionsOf(everybodys);
    assert.ok(expressions.length > 150, String(expressions.length));
    for (const expression of expressions) {
      assert.ok(metricsIn(expression).length, expression);
      for (const name of metricsIn(expression)) assert.ok(known.includes(name), `${name} in ${expression}`);
    }
  });
  it("uses every metric that it knows", () => {
    const used = new Set([...expressionsOf(everybodys), ...rules.map((rule) => rule.expr)].flatMap(metricsIn));
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
