/** No false alarm: with a core taken by others, under load, no check of health fails, and nothing is started again. */
import assert from "node:assert/strict";
import { inAll } from "../length.ts";
import { docker, eventually, sleep } from "../stack/command.ts";
import { Events } from "../stack/engine.ts";
import { busily } from "../stack/inject.ts";
import { Restarts } from "../stack/ledger.ts";
import { rolesOf } from "../stack/roles.ts";
import type { World } from "../stack/world.ts";
import { healthy } from "./healthy.ts";

const MINUTES = Number(process.env["BERTH_MINUTES"] ?? 30);
/** What may be told: the watchdog always is, the first certificate ends soon, and under load answers are late. */
const EXPECTED = ["Watchdog", "CertificateExpiring", "HighLatency", "QueueGrowing"];

/** @param requirement Its id. */
export function steady(world: World, requirement: string): void {
  const { stack, receiver } = world;
  const { project } = stack;
  const others = (alerts: readonly string[]): string[] => alerts.filter((name) => !EXPECTED.includes(name));
  /** Changes of health, as the engine tells them, and ends of containers. */
  const watch = (): Promise<Events> => {
    const ours = `label=berth.stack=${project.stack}`;
    return Events.watch("{{.Action}} {{.Actor.Attributes.name}}", ours, "event=health_status", "event=die");
  };

  inAll(
    `${requirement}: ${MINUTES} minutes of load, and a core that others take: no container gets unhealthy or ends, and nobody is told of one`,
    async function (this: Mocha.Context) {
      this.timeout((MINUTES + 10) * 60_000);
      await healthy(stack);
      await eventually(async () => assert.deepEqual(others(await world.prometheus.firing()), []), 120);
      const restarts = new Restarts(stack);
      await restarts.begin();
      const before = receiver.alerts(world.hook).length;
      const events = await watch();
      const report = await stack.underLoad(() => busily(() => sleep(MINUTES * 60_000), 1));
      const changes = await events.stop();
      const { sent, ok, p50, p99 } = report;
      console.log(`      ${sent} requests, ${sent - ok} failed; p50 ${p50} ms, p99 ${p99} ms`);
      assert.ok(ok > 0.99 * sent, JSON.stringify(report.failures));
      assert.deepEqual([changes, await restarts.since()], [[], {}]);
      const told = receiver.alerts(world.hook).slice(before);
      assert.deepEqual(
        others(told.flatMap(({ status, labels }) => (status === "firing" ? labels["alertname"]! : []))),
        [],
      );
      // One that does get unhealthy is seen (negative control).
      const container = await project.container(rolesOf(stack).login);
      const more = await watch();
      await docker("exec", container, "rm", "/tmp/done");
      await eventually(async () => assert.notDeepEqual(await project.unhealthy(), []), 120);
      await docker("exec", container, "touch", "/tmp/done");
      await healthy(stack);
      assert.ok((await more.stop()).includes(`health_status: unhealthy ${container}`));
    },
    true,
  );
}
