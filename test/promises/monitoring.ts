/** The monitoring tier: it shows something in every panel, costs little, and alerts fire, arrive and clear. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { dashboards } from "../../monitoring/dashboards/index.ts";
import { metricsIn } from "../../monitoring/metrics.ts";
import { expressionsOf } from "../../monitoring/panels.ts";
import { systems } from "../../systems/index.ts";
import { ALL, inAll, inGate } from "../length.ts";
import { Alerts, keepDoing, rulesOf, soon, type Trouble } from "../stack/alerts.ts";
import { killAll } from "../stack/inject.ts";
import { command, docker, eventually, good, ROOT, sleep } from "../stack/command.ts";
import type { World } from "../stack/world.ts";
import { alertsAtLength } from "./alerts-at-length.ts";
import { healthyAtLast } from "./healthy.ts";

/** From the start: the first certificate is one of one day. */
const certificate: Trouble = { alert: "CertificateExpiring", labels: { service: "edge" } };
/** Somebody was told that it does not any more. For after a new certificate. */
export async function certificateCleared(world: World): Promise<void> {
  await new Alerts(world).clear([certificate]);
  assert.ok(!(await world.prometheus.firing()).includes(certificate.alert));
}

export function monitoring(world: World): void {
  const { stack, receiver } = world;
  const { project, driver } = stack;
  const alerts = new Alerts(world);
  const beats = (): number => receiver.posts(world.heartbeat).length;
  let beaten = 0;

  const targetsAreUp = (): Promise<void> =>
    eventually(async () => {
      const targets = await world.prometheus.targets();
      for (const { service, health, error } of targets) assert.equal(health, "up", `${service}: ${error}`);
      assert.deepEqual([...new Set(targets.map(({ service }) => service))].sort(), project.known.scraped);
    }, 60);
  /** Kills a container until it was seen to restart four times. */
  async function crash(service: string): Promise<void> {
    const container = await project.container(service);
    const restarts = () => world.prometheus.number(`sum(container_restarts_total{service="${service}"})`);
    for (let n = 0; n < 4; n++) {
      const before = await eventually(restarts);
      await eventually(() => killAll(container), 20);
      await eventually(async () => assert.ok((await restarts()) > before, `${service} was not seen to restart`), 30);
    }
  }
  const restarting: Trouble = {
    alert: "ServiceRestarting",
    labels: { service: "redis-exporter" },
    make: () => crash("redis-exporter"),
  };

  // Groups all of them: a single test would run before the groups.
  describe("from the start", () => {
    it("every target is up within a minute of a fresh up, with no clicks", targetsAreUp);

    inGate("a certificate that ends soon and a container that keeps restarting are told", async () => {
      beaten = beats();
      await alerts.fire([certificate, restarting]);
    });

    inGate("the rules hold their own tests, and Prometheus took them all", async () => {
      const image = await docker("inspect", "--format", "{{.Config.Image}}", await project.container("prometheus"));
      const tests = readdirSync(join(ROOT, "monitoring/rules-test")).map((file) => `/monitoring/rules-test/${file}`);
      const promtool = ["--volume", `${ROOT}/monitoring:/monitoring:ro`, "--entrypoint", "promtool", image];
      await good(command("docker", ["run", "--rm", ...promtool, "test", "rules", ...tests]));
      assert.equal(await world.prometheus.number("sum(prometheus_rule_group_rules)"), rulesOf(project).length);
      assert.equal(await world.prometheus.number("sum(prometheus_rule_evaluation_failures_total)"), 0);
    });
  });

  describe("with some traffic", () => {
    let stop: () => Promise<void>;
    before(() => {
      const asked = () => project.known.checks.map((path) => stack.session.get(path));
      stop = keepDoing(() => Promise.all([driver.traffic(stack), ...asked()]), 1000);
    });
    after(() => stop());

    it("every query of every dashboard shows something, and every metric of a rule is there", async () => {
      const { system, services } = project.known.plan;
      const shown = services.filter(({ kind }) => kind !== "job");
      const { drawings } = systems[driver.system];
      const drawn = dashboards({ system, tls: true, services: shown, drawings });
      const expressions = expressionsOf(drawn);
      assert.ok(expressions.length > 150, String(expressions.length));
      await eventually(async () => assert.deepEqual(await world.prometheus.silent(expressions), []), 120);
      const names = await world.prometheus.names();
      for (const { alert, expr } of rulesOf(project))
        for (const name of metricsIn(expr))
          assert.equal(names.has(name), !(driver.untold ?? []).includes(name), `${alert} asks for ${name}`);
      console.log(`      ${drawn.length} dashboards, ${expressions.length} queries, none silent`);
    });
    it("a query that nobody answers is found (negative control)", async () =>
      assert.deepEqual(await world.prometheus.silent(["sum(nobody_counts_this_total)", "up", "vector(0) / 0"]), [
        "sum(nobody_counts_this_total)",
        "vector(0) / 0",
      ]));

    it("containers are known by service, with the engine's memory limits; what they receive is counted", async () => {
      const { known } = project;
      // The engine tells the names of those only that share a network with who asks.
      const { networks } = known.service("node-exporter");
      const seen = known.plan.services.filter(
        (one) => one.kind !== "job" && one.networks.some((n) => networks.includes(n)),
      );
      assert.ok(seen.length > 5, String(seen.length));
      for (const { name } of seen)
        await eventually(async () => {
          const [used, limits] = await Promise.all(
            ["used", "limit"].map((what) =>
              world.prometheus.query(`container_memory_${what}_bytes{service="${name}"}`),
            ),
          );
          const containers = await project.running(name);
          assert.deepEqual([...new Set(used!.map(({ metric }) => metric["container"]))].sort(), containers);
          const told = limits!.map(({ metric, value }) => `/${metric["container"]} ${value}`).sort();
          const inspected = await docker("inspect", "--format", "{{.Name}} {{.HostConfig.Memory}}", ...containers);
          assert.deepEqual(told, inspected.split("\n").sort());
        });
      const applications = known.running(known.imageOf(known.behind(driver.paths.light).name));
      for (const service of ["edge", ...applications.filter((name) => known.scraped.includes(name))]) {
        const received = `sum(container_network_receive_bytes_total{service="${service}"})`;
        assert.ok((await world.prometheus.number(received)) > 0, service);
      }
    });

    inGate("it takes at most a tenth of two cores, and 512 MB", async () => {
      const ofTier = (metric: string) => `${metric}{tier="monitoring"}`;
      const seen = (moment: string) =>
        world.prometheus.number(`count(${ofTier("container_cpu_seconds_total")}${moment})`);
      // Everything has been there for a minute: nothing of its start counts.
      await eventually(async () => assert.equal(await seen(" offset 1m"), await seen("")), 90);
      const cores = await world.prometheus.number(`sum(rate(${ofTier("container_cpu_seconds_total")}[1m]))`);
      const memory = (await world.prometheus.number(`sum(${ofTier("container_memory_used_bytes")})`)) / 1024 / 1024;
      console.log(`      ${cores.toFixed(3)} cores, ${memory.toFixed(0)} MiB`);
      assert.ok(cores <= 0.2, `${cores} cores`);
      assert.ok(memory <= 512, `${memory} MiB`);
    });

    inAll("what restarts no more is told as over", () => alerts.clear([restarting]));
  });

  alertsAtLength(world, alerts);

  describe("in the end", () => {
    const which = ALL ? "every alert" : "each of them";
    it(`${which} was made to fire, and came with its runbook by webhook, mail and Slack, the watchdog to who waits for it`, async () => {
      const fired = receiver.alerts(world.hook).filter(({ status }) => status === "firing");
      const names = new Set(fired.map(({ labels }) => labels["alertname"]!));
      const every = rulesOf(project).map(({ alert }) => alert);
      // Backups have a chapter of their own; lines can be missing only where Loki runs, of which there is no image.
      const others = every.filter((alert) => !/^(Watchdog|LogsMissing|Backup.*)$/.test(alert));
      assert.ok(alerts.made.size >= 2);
      assert.deepEqual(
        (ALL ? others : [...alerts.made]).filter((alert) => !names.has(alert)),
        [],
      );
      const runbook = /^docs\/troubleshooting\.md#/;
      for (const { labels, annotations } of fired)
        assert.match(annotations["runbook_url"] ?? "", runbook, labels["alertname"]);
      // Quoted-printable breaks lines where it likes.
      const mail = () => receiver.mail.replaceAll("=\n", "");
      const slack = () => receiver.posts(world.slack);
      for (const alert of alerts.made) {
        const { annotations } = fired.find(({ labels }) => labels["alertname"] === alert)!;
        const words = [alert, annotations["runbook_url"]!];
        await soon(
          () =>
            assert.ok(
              words.every((word) => mail().includes(word)),
              `no mail about ${alert}`,
            ),
          30,
        );
        const posted = () => slack().some((body) => words.every((word) => body.includes(word)));
        await soon(() => assert.ok(posted(), `nothing in Slack about ${alert}`), 30);
      }
      assert.ok(!names.has("Watchdog"), "the switch goes to the one who waits for it");
      for (const text of [mail(), ...slack()]) assert.ok(!text.includes("Watchdog"));
      const toHeart = receiver.alerts(world.heartbeat).map(({ labels }) => labels["alertname"]);
      assert.deepEqual([...new Set(toHeart)], ["Watchdog"]);
      await soon(() => assert.ok(beats() >= beaten + 3, `${beats() - beaten} of 3 heartbeats`), 60);
    });

    inGate("killing all of it costs no request", async () => {
      const tier = project.known.those({ tier: "monitoring" }).filter(({ kind }) => kind !== "job");
      const names = (await Promise.all(tier.map(({ name }) => project.running(name)))).flat();
      assert.ok(names.length >= 5, names.join(", "));
      await stack.lossless(
        async () => {
          await docker("kill", ...names);
          // That long nobody watches.
          await sleep(5000);
          await docker("start", ...names);
        },
        { share: 0.5, slow: 2 },
      );
      await targetsAreUp();
    });

    healthyAtLast(stack);
  });
}
