/** The monitoring tier of a running stack: it is there by itself, shows something in every panel, costs little, and alerts fire, arrive and clear. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { parse } from "yaml";
import { dashboards } from "../../monitoring/dashboards/index.ts";
import { metricsIn } from "../../monitoring/metrics.ts";
import { expressionsOf } from "../../monitoring/panels.ts";
import type { Tier } from "../../plan/types.ts";
import { Authority } from "./authority.ts";
import { FULL, redis, running } from "./engine.ts";
import { hurry, Prometheus } from "./prometheus.ts";
import { Receiver } from "./receiver.ts";
import { good, Serving } from "./serving.ts";
import { command, docker, eventually, ROOT, sleep, SMS } from "./support.ts";

const STACK = "e2e-monitoring";
const CONNECTIONS = 60;
const RULES = readdirSync(join(ROOT, "monitoring/rules")).filter((file) => file.endsWith(".yml"));

const authority = await new Authority().open();
const serving = new Serving(
  {
    stack: STACK,
    portOffset: 19500,
    config: { "berth:settle": 0, "berth:postgres": { maxConnections: CONNECTIONS, poolSize: 2, statementTimeout: 30 } },
  },
  authority.certificate,
);
const { project } = serving;
const receiver = new Receiver();
let prometheus: Prometheus;

/** Rules of the copy, as Prometheus has them. */
const rules = (): { alert: string; expr: string }[] =>
  RULES.flatMap((file) =>
    (
      parse(readFileSync(join(project.dir, "monitoring/rules", file), "utf8")) as {
        groups: { rules: { alert: string; expr: string }[] }[];
      }
    ).groups.flatMap((group) => group.rules),
  );

async function setCertificate(name: string, days: number): Promise<void> {
  const { key, certificate } = await authority.issue(name, days);
  await project.setSecret("tlsCertificate", certificate);
  await project.setSecret("tlsKey", key);
}

/** Does something until told to stop; what fails meanwhile is not this one's matter. */
function keepDoing(each: () => Promise<unknown>, milliseconds: number): () => Promise<void> {
  let stopped = false;
  const ended = (async () => {
    while (!stopped) {
      void each().catch(() => undefined);
      await sleep(milliseconds);
    }
  })();
  return () => {
    stopped = true;
    return ended;
  };
}

/** A bit of everything that the dashboards count. */
async function traffic(): Promise<void> {
  const { client } = serving;
  await Promise.all([
    client.post("/v1/messages", { text: "add a task to look at the dashboards" }),
    client.post("/v1/tasks", { title: "look" }),
    client.get("/v1/tasks"),
    client.post("/v1/events", { payload: { n: 1 } }),
    client.post("/v1/jobs", { kind: "summarise", text: "A long text. It has sentences." }),
    client.get("/v1/version"),
    client.sms("+15550000001", "what are my reminders?"),
  ]);
}

const made = new Set<string>();

/** A condition of an alert: how it is made, and unmade. */
interface Trouble {
  readonly alert: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly make: () => Promise<unknown>;
  readonly mend: () => Promise<unknown>;
}

function came(status: "firing" | "resolved", { alert, labels }: Trouble): Promise<void> {
  const all = receiver.alerts("/hook").filter((one) => one.labels["alertname"] === alert);
  // The last word counts: what fired again has not cleared.
  const last = all.filter((one) => Object.entries(labels).every(([name, value]) => one.labels[name] === value)).at(-1);
  assert.equal(
    last?.status,
    status,
    `${alert} ${JSON.stringify(labels)}: ${last?.status ?? `nothing came, but ${JSON.stringify(all.map((one) => one.labels))}`}`,
  );
  return Promise.resolve();
}

/** All of them at once: each must arrive as firing, and, once mended, as resolved. */
async function fireAndClear(troubles: readonly Trouble[], seconds: number): Promise<void> {
  for (const { alert } of troubles) made.add(alert);
  const failures: string[] = [];
  const note = (error: unknown) => {
    failures.push((error as Error).message);
  };
  await Promise.all(troubles.map(({ make }) => make().catch(note)));
  await Promise.all(troubles.map((trouble) => eventually(() => came("firing", trouble), seconds).catch(note)));
  await Promise.all(troubles.map(({ mend }) => mend().catch(note)));
  await Promise.all(
    troubles
      .filter(({ alert }) => failures.every((failure) => !failure.startsWith(alert)))
      .map((trouble) => eventually(() => came("resolved", trouble), 120).catch(note)),
  );
  assert.deepEqual(failures, []);
}

const nothing = (): Promise<void> => Promise.resolve();
const beats = (): number => receiver.posts("/heartbeat").length;
/** Until the heart has beaten so often. */
const beat = (times: number): Promise<void> =>
  eventually(() => {
    assert.ok(beats() >= times, `${beats()} of ${times} heartbeats`);
    return Promise.resolve();
  }, 60);
const container = (service: string): Promise<string> => running(project, service);

describe("monitoring", function () {
  this.timeout(1_200_000);

  before(async () => {
    setDefaultCACertificates([...getCACertificates("default"), authority.certificate]);
    await receiver.open();
    project.configure({ "berth:ports": { ...(project.config["berth:ports"] as object), "edge-tls": 8443 } });
    await project.pulumi("stack", "select", STACK, "--create");
    await setCertificate("first", 1);
    await project.setSecret("twilioAuthToken", SMS.token);
    await project.setSecret("twilioUserNumbers", JSON.stringify(SMS.numbers));
    await project.setSecret("alertWebhookUrl", receiver.url("/hook"));
    await project.setSecret("alertHeartbeatUrl", receiver.url("/heartbeat"));
    await project.setSecret(
      "alertMail",
      JSON.stringify({
        to: "ops@example.org",
        from: "berth@example.org",
        smarthost: receiver.smarthost,
        require_tls: false,
        send_resolved: true,
      }),
    );
    await serving.start();
    prometheus = new Prometheus((await project.output<Record<string, string>>("urls"))["prometheus"]!);
  });
  after(async () => {
    await project.remove();
    receiver.close();
    authority.close();
  });

  it("every target is up within a minute of a fresh up, with no clicks", async () => {
    const scraped = Object.keys(await project.output<Record<string, string[]>>("containers"));
    await eventually(async () => {
      const targets = await prometheus.targets();
      for (const service of [
        "api",
        "agent",
        "worker",
        "sms-router",
        "edge",
        "postgres-exporter",
        "redis-exporter",
        "node-exporter",
        "alertmanager",
        "prometheus",
      ])
        assert.ok(
          scraped.includes(service) && targets.some((target) => target.service === service),
          `no target ${service}`,
        );
      for (const { service, health, error } of targets) assert.equal(health, "up", `${service}: ${error}`);
    }, 60);
  });

  it("the rules hold their own tests, and Prometheus took them all", async () => {
    const image = await docker("inspect", "--format", "{{.Config.Image}}", await container("prometheus"));
    await good(
      command("docker", [
        "run",
        "--rm",
        "--volume",
        `${ROOT}/monitoring:/monitoring:ro`,
        "--entrypoint",
        "promtool",
        image,
        "test",
        "rules",
        "/monitoring/rules-test/alerts.yml",
      ]),
    );
    assert.equal(await prometheus.number("sum(prometheus_rule_group_rules)"), rules().length);
    assert.equal(await prometheus.number("sum(prometheus_rule_evaluation_failures_total)"), 0);
  });

  describe("with some traffic", () => {
    let stop: () => Promise<void>;
    before(() => {
      stop = keepDoing(traffic, 1000);
    });
    after(() => stop());

    it("every query of every dashboard shows something, and every metric of a rule is there", async () => {
      const { services } = JSON.parse(
        execFileSync(process.execPath, ["bin/plan.ts", STACK, "--json"], { cwd: project.dir, encoding: "utf8" }),
      ) as { services: { name: string; tier: Tier; kind: string; metrics?: object }[] };
      const drawn = dashboards({
        system: "assistant",
        tls: true,
        services: services.filter(({ kind }) => kind !== "job"),
      });
      const expressions = expressionsOf(drawn);
      assert.ok(expressions.length > 150, String(expressions.length));
      await eventually(async () => assert.deepEqual(await prometheus.silent(expressions), []), 120);
      const names = await prometheus.names();
      // Backups, which this stack has none of, have a test of their own.
      for (const { alert, expr } of rules().filter(({ alert }) => !alert.startsWith("Backup")))
        for (const name of metricsIn(expr)) assert.ok(names.has(name), `${alert} asks for ${name}`);
      console.log(`      ${drawn.length} dashboards, ${expressions.length} queries, none silent`);
    });
    it("a query that nobody answers is found (negative control)", async () =>
      assert.deepEqual(await prometheus.silent(["sum(nobody_counts_this_total)", "up", "vector(0) / 0"]), [
        "sum(nobody_counts_this_total)",
        "vector(0) / 0",
      ]));

    it("containers are known by service: memory, processor and network are those of the engine", async () => {
      for (const service of ["postgres", "redis", "api", "edge", "prometheus", "node-exporter"]) {
        const names = new Set(
          (await prometheus.query(`container_memory_used_bytes{service="${service}"}`)).map(
            ({ metric }) => metric["container"],
          ),
        );
        assert.deepEqual([...names].sort(), await project.running(service));
      }
      const limit = Number(await docker("inspect", "--format", "{{.HostConfig.Memory}}", await container("agent")));
      assert.equal(await prometheus.number('container_memory_limit_bytes{service="agent"}'), limit);
      for (const service of ["api", "agent", "worker", "edge"])
        assert.ok(
          (await prometheus.number(`sum(container_network_receive_bytes_total{service="${service}"})`)) > 0,
          service,
        );
    });

    it("it takes at most a tenth of two cores, and 512 MB", async () => {
      await sleep(60_000);
      const cores = await prometheus.number('sum(rate(container_cpu_seconds_total{tier="monitoring"}[1m]))');
      const memory = (await prometheus.number('sum(container_memory_used_bytes{tier="monitoring"})')) / 1024 / 1024;
      console.log(`      ${cores.toFixed(3)} cores, ${memory.toFixed(0)} MiB`);
      assert.ok(cores <= 0.2, `${cores} cores`);
      assert.ok(memory <= 512, `${memory} MiB`);
    });
  });

  it("killing all of it costs no request", async () => {
    const all = (
      await Promise.all(
        ["prometheus", "alertmanager", "node-exporter", "postgres-exporter", "redis-exporter"].map((service) =>
          project.running(service),
        ),
      )
    ).flat();
    assert.ok(all.length >= 5);
    await serving.assertLossless(
      await serving.underLoad(
        async () => {
          await docker("kill", ...all);
          await sleep(15_000);
          await docker("start", ...all);
        },
        { share: 0.5 },
      ),
    );
    await eventually(async () => assert.ok((await prometheus.targets()).every(({ health }) => health === "up")), 60);
  });

  describe("alerts, in a hurry", () => {
    before(async () => {
      hurry(project, RULES);
      // The machine's disk cannot be filled here, so the line is drawn where it is over it.
      project.edit("monitoring/rules/resources.yml", (text) => text.replace("< 0.1\n", "< 1.1\n"));
      await good(project.up());
    });

    it("from the start: Watchdog, a certificate of one day, a disk over the line; and a container that restarts", async () => {
      const exporter = await container("redis-exporter");
      await fireAndClear(
        [
          {
            alert: "ServiceRestarting",
            labels: { service: "redis-exporter" },
            mend: nothing,
            make: async () => {
              // The engine counts it as a crash: nobody asked it to stop the container.
              for (let i = 0; i < 4; i++) {
                await eventually(() => docker("exec", exporter, "sh", "-c", "kill 1"), 20);
                await sleep(7000);
              }
            },
          },
          { alert: "DiskFilling", labels: { service: "node-exporter" }, make: nothing, mend: nothing },
          {
            alert: "CertificateExpiring",
            labels: { service: "edge" },
            make: nothing,
            mend: async () => {
              await setCertificate("second", 30);
              project.edit("monitoring/rules/resources.yml", (text) => text.replace("< 1.1\n", "< 0.1\n"));
              await good(project.up());
            },
          },
        ],
        120,
      );
      await beat(beats() + 3);
    });

    // CI makes do with the first few; a long run makes every alert fire.
    if (FULL)
      it("what hangs, is gone, is slow or full", async () => {
        const [sms, worker, agent, postgres] = (await Promise.all(
          ["sms-router", "worker", "agent", "postgres"].map(container),
        )) as [string, string, string, string];
        const stops: (() => Promise<void>)[] = [];
        const { client } = serving;
        await fireAndClear(
          [
            {
              alert: "ServiceDown",
              labels: { service: "sms-router" },
              make: () => docker("pause", sms),
              mend: () => docker("unpause", sms),
            },
            { alert: "EdgeUpstreamDown", labels: { service: "edge", container: sms }, make: nothing, mend: nothing },
            {
              alert: "TargetMissing",
              labels: { service: "worker" },
              make: () => docker("stop", "--time", "5", worker),
              mend: () => docker("start", worker),
            },
            {
              alert: "QueueGrowing",
              labels: { key: "assistant" },
              make: async () => {
                await Promise.all(
                  Array.from({ length: 120 }, () => client.post("/v1/jobs", { kind: "summarise", text: "One. Two." })),
                );
                stops.push(keepDoing(() => client.post("/v1/jobs", { kind: "summarise", text: "One. Two." }), 500));
              },
              mend: async () => {
                for (const stop of stops) await stop();
              },
            },
            {
              alert: "HighLatency",
              labels: { service: "api" },
              make: () => {
                stops.push(
                  keepDoing(
                    () =>
                      client.get(
                        `/v1/events?since=${encodeURIComponent(new Date(Date.now() + 86_400_000).toISOString())}&wait=4`,
                      ),
                    150,
                  ),
                );
                return nothing();
              },
              mend: nothing,
            },
            {
              alert: "PostgresConnectionsHigh",
              labels: { service: "postgres" },
              mend: () =>
                docker(
                  "exec",
                  postgres,
                  "psql",
                  "-qAtX",
                  "-U",
                  "postgres",
                  "-c",
                  "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'fill'",
                ),
              make: async () => {
                const more =
                  Math.ceil(CONNECTIONS * 0.88) -
                  Number(await serving.query("SELECT count(*) FROM pg_stat_activity WHERE datname IS NOT NULL;"));
                const line = `for i in $(seq ${more}); do PGAPPNAME=fill psql -qAtX -U postgres -c 'SELECT pg_sleep(300)' & done; wait`;
                await docker("exec", "--detach", postgres, "sh", "-c", line);
              },
            },
            {
              alert: "MemoryNearLimit",
              labels: { service: "agent" },
              make: async () => {
                const [used, limit] = [
                  await prometheus.number('container_memory_used_bytes{service="agent"}'),
                  await prometheus.number('container_memory_limit_bytes{service="agent"}'),
                ];
                // The interpreter itself takes the rest.
                const more = Math.floor(limit * 0.94 - used) - 8 * 1024 * 1024;
                await docker(
                  "exec",
                  "--detach",
                  agent,
                  "python",
                  "-c",
                  `import time; full = bytearray(b"x") * ${more}; time.sleep(60)`,
                );
              },
              mend: nothing,
            },
            {
              alert: "RedisMemoryHigh",
              labels: { service: "redis-exporter" },
              mend: () => redis(STACK, "DEL", "fill", "more"),
              // Memory is handed out in few sizes: these two take 192 and 48 of 256 MiB.
              make: async () => {
                await redis(STACK, "SETRANGE", "fill", "199000000", "x");
                await redis(STACK, "SETRANGE", "more", "44000000", "x");
              },
            },
          ],
          120,
        );
      });

    if (FULL)
      it("no database, and no Redis", async () => {
        const [postgres, store] = (await Promise.all(["postgres", "redis"].map(container))) as [string, string];
        let stop: () => Promise<void> = nothing;
        await fireAndClear(
          [
            {
              alert: "PostgresDown",
              labels: {},
              make: () => docker("stop", "--time", "20", postgres),
              mend: () => docker("start", postgres),
            },
            {
              alert: "RedisDown",
              labels: {},
              make: () => docker("stop", "--time", "20", store),
              mend: () => docker("start", store),
            },
            {
              alert: "ServiceUnhealthy",
              labels: { service: "api", dependency: "database" },
              make: nothing,
              mend: nothing,
            },
            {
              alert: "HighErrorRate",
              labels: { service: "api" },
              make: () => {
                stop = keepDoing(() => serving.client.get("/v1/tasks"), 100);
                return nothing();
              },
              mend: () => stop(),
            },
          ],
          120,
        );
      });

    it(`${FULL ? "every alert" : "each of them"} was made to fire, came with its runbook, and by mail as well; who was not addressed heard nothing`, () => {
      const fired = receiver.alerts("/hook").filter(({ status }) => status === "firing");
      const names = new Set(fired.map(({ labels }) => labels["alertname"]));
      // Backups have a test of their own.
      const expected = FULL
        ? rules()
            .map(({ alert }) => alert)
            .filter((alert) => alert !== "Watchdog" && !alert.startsWith("Backup"))
        : [...made];
      assert.ok(made.size >= 3);
      assert.deepEqual(
        expected.filter((alert) => !names.has(alert)),
        [],
      );
      for (const { labels, annotations } of fired)
        assert.match(annotations["runbook_url"] ?? "", /^docs\/troubleshooting\.md#/, labels["alertname"]);
      for (const alert of made) assert.ok(receiver.mail.includes(alert), `no mail about ${alert}`);
      assert.ok(!names.has("Watchdog"), "the switch goes to the one who waits for it");
      assert.deepEqual(
        receiver.alerts("/heartbeat").filter(({ labels }) => labels["alertname"] !== "Watchdog"),
        [],
      );
      assert.deepEqual(receiver.posts("/slack"), []);
    });
  });
});
