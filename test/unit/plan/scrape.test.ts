import assert from "node:assert/strict";
import { scrapeConfig, type Target, targets } from "../../../plan/scrape.ts";
import type { ServiceSpec } from "../../../plan/types.ts";
import { service } from "../support.ts";

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

  it("leaves out metrics at no port, which the plan refuses", () =>
    assert.deepEqual(targets([service("x", { metrics: {} })]), []));

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
