/** Every alert that the gate does not wait for: its condition is made, it arrives, and, once mended, it clears. */
import { randomUUID } from "node:crypto";
import { describeInAll, OWN } from "../length.ts";
import { type Alerts, keepDoing, type Trouble } from "../stack/alerts.ts";
import { docker, eventually, good } from "../stack/command.ts";
import type { World } from "../stack/world.ts";
import { redisCli } from "../stores/redis.ts";

/** Few enough for the test to fill them. */
const CONNECTIONS = 80;
const MEBIBYTE = 1024 * 1024;

export function alertsAtLength(world: World, alerts: Alerts): void {
  const { stack } = world;
  const { project, driver } = stack;

  /** The line at which the engine's disk counts as full: that disk cannot be filled here. */
  const line = (from: string, to: string): void =>
    project.edit("monitoring/rules/resources.yml", (text) => text.replace(`< ${from}\n`, `< ${to}\n`));
  const apply = async (): Promise<void> => {
    await good(project.up());
  };

  describeInAll("alerts, each made to fire and cleared", () => {
    let former: unknown;
    before(async () => {
      former = project.config["berth:postgres"];
      project.configure({ "berth:postgres": { ...(former as object), maxConnections: CONNECTIONS, poolSize: 2 } });
      line("0.1", "1.1");
      await apply();
    });
    after(async () => {
      project.configure({ "berth:postgres": former });
      await apply();
      await eventually(() => stack.isReady());
    });

    it("a disk over the line", () =>
      alerts.fireAndClear([
        {
          alert: "DiskFilling",
          labels: { service: "node-exporter" },
          mend: () => {
            line("1.1", "0.1");
            return apply();
          },
        },
      ]));

    it("what hangs, is gone, is slow or full", async () => {
      const { known } = project;
      const front = known.behind(driver.paths.light).name;
      const other = known.publicly.find(({ name }) => name !== front)?.name ?? front;
      const { worker } = driver.jobs;
      const [hung] = await project.running(other);
      const workers = await project.running(worker);
      const stops: (() => Promise<void>)[] = [];
      const begin = () => driver.jobs.begin(stack.session, 0);
      await alerts.fireAndClear([
        {
          alert: "ServiceDown",
          labels: { service: other },
          make: () => docker("pause", hung!),
          mend: () => docker("unpause", hung!),
        },
        { alert: "EdgeUpstreamDown", labels: { service: "edge", container: hung! } },
        {
          alert: "TargetMissing",
          labels: { service: worker },
          make: () => docker("stop", "--time", "5", ...workers),
          mend: () => docker("start", ...workers),
        },
        {
          alert: "QueueGrowing",
          labels: { key: known.plan.system },
          make: async () => {
            await Promise.all(Array.from({ length: 120 }, begin));
            stops.push(keepDoing(begin, 500));
          },
          mend: () => Promise.all(stops.map((stop) => stop())),
        },
        {
          alert: "HighLatency",
          labels: { service: front },
          make: () => {
            const slow = () => {
              const asked = driver.slow(4, randomUUID());
              return typeof asked === "string" ? stack.session.get(asked) : stack.session.post(asked.path, asked.body);
            };
            stops.push(keepDoing(slow, 150));
            return Promise.resolve();
          },
        },
        connections(),
        memory("backup"),
        {
          alert: "RedisMemoryHigh",
          labels: { service: "redis-exporter" },
          // Memory is handed out in few sizes: these two take 192 and 48 of 256 MiB.
          make: async () => {
            await redisCli(project, "SETRANGE", "fill", "199000000", "x");
            await redisCli(project, "SETRANGE", "more", "44000000", "x");
          },
          mend: () => redisCli(project, "DEL", "fill", "more"),
        },
      ]);
    });

    /** Nearly all connections of PostgreSQL are in use. */
    const connections = (): Trouble => ({
      alert: "PostgresConnectionsHigh",
      labels: { service: "postgres" },
      make: async () => {
        const used = await stack.query("SELECT count(*) FROM pg_stat_activity WHERE datname IS NOT NULL;");
        const more = Math.ceil(CONNECTIONS * 0.88) - Number(used);
        const each = "PGAPPNAME=fill psql -qAtX -U postgres -c 'SELECT pg_sleep(300)'";
        const shell = `for i in $(seq ${more}); do ${each} & done; wait`;
        await docker("exec", "--detach", await project.container("postgres"), "sh", "-c", shell);
      },
      mend: () =>
        stack.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'fill';"),
    });
    /** A service, whose image has Python, uses nearly all of its memory. */
    const memory = (service: string): Trouble => ({
      alert: "MemoryNearLimit",
      labels: { service },
      make: async () => {
        const [used, limit] = await Promise.all(
          ["used", "limit"].map((what) =>
            world.prometheus.number(`container_memory_${what}_bytes{service="${service}"}`),
          ),
        );
        // The interpreter itself takes the rest.
        const more = Math.floor(limit! * 0.94 - used!) - 8 * MEBIBYTE;
        const python = `import time; full = bytearray(b"x") * ${more}; time.sleep(60)`;
        await docker("exec", "--detach", await project.container(service), "python3", "-c", python);
      },
    });
  });

  (OWN ? describe : describeInAll)("no store, and what comes of it", () => {
    it("each is told, and told as over", async () => {
      const { stores } = driver;
      const { behind, readers, service } = project.known;
      const front = behind(driver.paths.data).name;
      // Who asks the first store: the one that answers from it, or one that this one asks.
      const asking = readers(stores[0].secret).filter((name) => service(name).kind === "stateless");
      const asks = asking.includes(front) ? front : asking[0]!;
      const containers = await Promise.all(stores.map(({ service }) => project.container(service)));
      const away = stores.map(({ alert }, n): Trouble => ({
        alert,
        labels: {},
        make: () => docker("stop", "--time", "20", containers[n]!),
        mend: () => docker("start", containers[n]!),
      }));
      let stop: () => Promise<void> = () => Promise.resolve();
      await alerts.fireAndClear([
        ...away,
        { alert: "ServiceUnhealthy", labels: { service: asks, dependency: stores[0].dependency } },
        {
          alert: "HighErrorRate",
          labels: { service: front },
          make: () => {
            stop = keepDoing(() => stack.session.get(driver.paths.data), 100);
            return Promise.resolve();
          },
          mend: () => stop(),
        },
      ]);
    });
  });
}
