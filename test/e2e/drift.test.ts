/** What happens to a stack behind Pulumi's back is seen by bin/drift and mended by one bin/up, which leaves the rest alone. */
import assert from "node:assert/strict";
import { FULL, idsBut, named, onVolume, running, TOOLS } from "./engine.ts";
import { command, docker, eventually, Project } from "./support.ts";

const STACK = "e2e-drift";
const OFFSET = 16500;
/** A tag of our own: what other stacks pull is theirs. */
const PULLED = `localhost/berth-test/redis-exporter:${STACK}`;
/** Runs without a change. */
const CLEAN = FULL ? 20 : 6;
const ORIGINAL = "oliver006/redis_exporter:v1.69.0-alpine";
const project = new Project({
  stack: STACK,
  portOffset: OFFSET,
  config: { "berth:baseImages": { redisExporter: PULLED }, "berth:settle": 0 },
});

interface Change {
  readonly name: string;
  /** Does it, and says what the report must name. */
  readonly make: () => Promise<string>;
  /** What the report says about it. */
  readonly says: RegExp;
  /** Services whose containers may be others afterwards; all others keep their ids. */
  readonly replaces?: readonly string[];
  /** True once it is undone, where bin/drift's silence is not enough. */
  readonly undone?: () => Promise<void>;
}

const to =
  (service: string, ...args: string[]) =>
  async (): Promise<string> => {
    const name = await running(project, service);
    await docker(...args, name);
    return name;
  };
const onFiles = (part: string, line: string) => async (): Promise<string> => {
  const volume = await named(project, "volume", part);
  await onVolume(volume, line);
  return volume;
};
const labels = ["--label", `berth.stack=${STACK}`, "--label", "berth.service=stranger"];
const gone = (kind: string, name: string) => async (): Promise<void> => {
  assert.notEqual((await command("docker", [kind, "inspect", name])).code, 0, `${name} is still there`);
};
const inspect = async (service: string, format: string): Promise<string> =>
  docker("inspect", "--format", format, await running(project, service));

/** Of one group no two concern the same service, so that one up shows what each of them cost. */
const groups: readonly (readonly Change[])[] = [
  [
    {
      name: "a container was stopped",
      make: to("alertmanager", "stop", "--time", "5"),
      says: /does not run: exited/,
      replaces: ["alertmanager"],
    },
    { name: "a container was removed", make: to("worker", "rm", "--force"), says: /is gone/, replaces: ["worker"] },
    { name: "a container was paused", make: to("agent", "pause"), says: /is paused/ },
    {
      name: "a memory limit was changed",
      make: to("prometheus", "update", "--memory", "200m", "--memory-swap", "200m"),
      says: /memory limit in MiB is 200, declared 384/,
      undone: async () => assert.equal(await inspect("prometheus", "{{.HostConfig.Memory}}"), String(384 * 1024 ** 2)),
    },
    {
      name: "a container was taken out of a network",
      says: /is not in network .*-monitoring/,
      replaces: ["postgres-exporter"],
      make: async () => {
        const name = await running(project, "postgres-exporter");
        await docker("network", "disconnect", await named(project, "network", "monitoring"), name);
        return name;
      },
    },
    {
      name: "a container was put into another network",
      says: /is in network bridge, which is not its own/,
      make: async () => {
        const name = await running(project, "sms-router");
        await docker("network", "connect", "bridge", name);
        return name;
      },
    },
    {
      name: "a restart policy was changed",
      make: to("redis", "update", "--restart", "no"),
      says: /restart policy is no, declared always/,
    },
    {
      name: "a configuration file on a volume was edited",
      make: onFiles("redis-prune-config", "echo '# edited' >> /v/prune.sh"),
      says: /file \/etc\/berth\/prune\.sh was changed/,
      replaces: ["redis-prune"],
    },
    {
      name: "a built image was retagged",
      says: /was retagged/,
      make: async () => {
        const name = `localhost/berth/assistant-edge:${STACK}`;
        await docker("tag", TOOLS, name);
        return name;
      },
      undone: async () =>
        assert.equal(
          await docker("image", "inspect", "--format", "{{.Id}}", `localhost/berth/assistant-edge:${STACK}`),
          await inspect("edge", "{{.Image}}"),
        ),
    },
    {
      name: "the tag of a pulled image names another one",
      says: /is now/,
      replaces: ["redis-exporter"],
      make: async () => {
        const name = await running(project, "redis-exporter");
        const { code, output } = await command("sh", [
          "-c",
          `printf 'FROM ${ORIGINAL}\\nLABEL another=${Date.now()}\\n' | docker build --quiet --tag ${PULLED} -`,
        ]);
        assert.equal(code, 0, output);
        return name;
      },
    },
    {
      name: "a job was killed",
      make: to("postgres-roles", "kill"),
      says: /does not run: exited \(exit code 137\)/,
      replaces: ["postgres-roles"],
    },
    {
      name: "a container carries the stack's labels that is not of the stack",
      says: /not in its state/,
      undone: gone("container", "stranger-drift"),
      make: async () => {
        await docker(
          "run",
          "--detach",
          "--name",
          "stranger-drift",
          ...labels,
          "--network",
          "none",
          "--entrypoint",
          "sleep",
          TOOLS,
          "3600",
        );
        return "stranger-drift";
      },
    },
    {
      name: "a volume carries the stack's labels that is not of the stack",
      says: /not in its state/,
      undone: gone("volume", "stranger-volume"),
      make: async () => docker("volume", "create", ...labels, "stranger-volume"),
    },
  ],
  [
    {
      name: "a secret file got a wider mode",
      make: onFiles("worker-secrets", "chmod 0644 /v/database-url"),
      says: /file \/run\/secrets\/database-url has mode 0644/,
      replaces: ["worker"],
    },
    {
      name: "a file was added to a volume",
      make: onFiles("agent-secrets", "echo more > /v/more"),
      says: /file \/run\/secrets\/more was added/,
      replaces: ["agent"],
    },
    {
      name: "a file was deleted from a volume",
      make: onFiles("redis-exporter-config", "rm /v/queues.lua"),
      says: /file \/etc\/redis-exporter\/queues\.lua is missing/,
      replaces: ["redis-exporter"],
    },
    {
      name: "a container was renamed",
      says: /was renamed to migrate-renamed/,
      replaces: ["migrate"],
      make: async () => {
        const name = await running(project, "migrate");
        await docker("rename", name, "migrate-renamed");
        return name;
      },
    },
    {
      name: "a container got unhealthy",
      says: /is unhealthy/,
      replaces: ["redis-users"],
      make: async () => {
        const name = await running(project, "redis-users");
        await docker("exec", name, "rm", "/tmp/done");
        await eventually(async () =>
          assert.equal(await inspect("redis-users", "{{.State.Health.Status}}"), "unhealthy"),
        );
        return name;
      },
    },
    {
      name: "a limit of processes was set",
      make: to("postgres-exporter", "update", "--pids-limit", "500"),
      says: /limit of processes is 500, declared none/,
      replaces: ["postgres-exporter"],
    },
    {
      name: "a cpu limit was changed",
      make: to("alertmanager", "update", "--cpus", "0.75"),
      says: /cpu limit is 0\.75, declared 0\.25/,
      replaces: ["alertmanager"],
    },
    {
      name: "a stranger sits in one of the stack's networks",
      says: /is in network .*-data/,
      make: async () => {
        await docker(
          "run",
          "--detach",
          "--name",
          "guest-drift",
          "--network",
          await named(project, "network", "data"),
          "--entrypoint",
          "sleep",
          TOOLS,
          "3600",
        );
        return "guest-drift";
      },
      undone: async () =>
        assert.equal(await docker("inspect", "--format", "{{len .NetworkSettings.Networks}}", "guest-drift"), "0"),
    },
    {
      name: "a network carries the stack's labels that is not of the stack",
      says: /not in its state/,
      undone: gone("network", "stranger-network"),
      make: async () => {
        await docker("network", "create", ...labels, "stranger-network");
        return "stranger-network";
      },
    },
  ],
  [
    {
      name: "a network was removed",
      says: /is gone/,
      replaces: [
        "redis-exporter",
        "postgres-exporter",
        "node-exporter",
        "prometheus",
        "alertmanager",
        "edge",
        "edge-routes",
        "api",
        "agent",
        "worker",
        "sms-router",
        "postgres-prune",
        "redis-prune",
      ],
      make: async () => {
        const network = await named(project, "network", "monitoring");
        const members = JSON.parse(
          await docker("network", "inspect", "--format", "{{json .Containers}}", network),
        ) as Record<string, unknown>;
        for (const id of Object.keys(members)) await docker("network", "disconnect", "--force", network, id);
        await docker("network", "rm", network);
        return network;
      },
    },
  ],
];

const drift = () => project.script("drift", STACK);
const agree = async (): Promise<void> => {
  const { code, output } = await drift();
  assert.equal(code, 0, output);
};

describe("drift (#4.6): what happens outside of Pulumi", function () {
  this.timeout(1_200_000);
  before(async () => {
    await docker("tag", ORIGINAL, PULLED);
    await project.pulumi("stack", "select", STACK, "--create");
    const { code, output } = await project.script("up", STACK);
    assert.equal(code, 0, output);
  });
  after(async () => {
    for (const guest of ["stranger-drift", "guest-drift"]) await command("docker", ["rm", "-f", guest]);
    await project.remove();
    for (const image of [
      PULLED,
      `localhost/berth/assistant-edge:${STACK}`,
      `localhost/berth/assistant-assistant:${STACK}`,
    ])
      await command("docker", ["image", "rm", image]);
  });

  it(`nothing happened: ${CLEAN} runs raise no false alarm, and change neither engine nor state`, async () => {
    const ids = await project.containers();
    const state = async () => (await project.pulumi("stack", "export", "--stack", STACK)).output;
    const before = await state();
    for (let n = 0; n < CLEAN; n++) {
      // The preview is slow and Pulumi's; by default every fifth run has it, the others compare by bin/drift's own eyes.
      const whole = FULL || n % 5 === 0;
      const { code, output } = whole
        ? await drift()
        : await command("node", ["bin/drift.ts", STACK, "--repair"], {
            cwd: project.dir,
            env: { PULUMI_CONFIG_PASSPHRASE: "e2e" },
          });
      assert.equal(code, 0, output);
      if (!whole) assert.equal(output, "");
    }
    assert.deepEqual(await project.containers(), ids);
    assert.equal(await state(), before);
  });

  it("a stack that is not there, or a program that is refused: exit code 1, not 2", async () => {
    assert.equal((await project.script("drift", "nowhere")).code, 1);
    const good = project.config;
    project.configure({ "berth:colour": "blue" });
    const { code, output } = await drift();
    project.configure({ ...good, "berth:colour": undefined });
    assert.equal(code, 1, output);
    assert.match(output, /berth:colour/);
  });

  it("a change of the stack file that was not applied is reported too", async () => {
    const good = project.config;
    project.configure({ "berth:logLevel": "WARNING" });
    const { code, output } = await drift();
    project.configure(good);
    assert.equal(code, 2, output);
    assert.match(output, /container assistant-e2e-drift-api-1: differs from the program: .*bin\/up replaces it/);
  });

  for (const changes of FULL ? groups.flat().map((change) => [change]) : groups)
    describe(changes.length > 1 ? `${changes.length} things at once` : changes[0]!.name, () => {
      let reported = { code: 0, output: "" };
      const objects = new Map<Change, string>();
      let untouched: Map<string, string>;
      const replaced = new Set(changes.flatMap((change) => change.replaces ?? []));
      // Routes name containers, the worker's for watching it: a new one means new routes.
      const touched = [
        ...replaced,
        ...(["api", "agent", "sms-router", "worker"].some((routed) => replaced.has(routed)) ? ["edge-routes"] : []),
        "stranger",
      ];
      before(async () => {
        untouched = await idsBut(project, touched);
        for (const change of changes) objects.set(change, await change.make());
        reported = await drift();
      });
      for (const change of changes)
        it(`${change.name}: bin/drift names it, and exits with 2`, () => {
          assert.equal(reported.code, 2, reported.output);
          const lines = reported.output
            .split("\n")
            .filter((line) => line.includes(objects.get(change)!) && change.says.test(line));
          assert.ok(lines.length >= 1, `${objects.get(change)!}, ${String(change.says)} in:\n${reported.output}`);
          assert.match(lines[0]!, /; bin\/up \w+/);
        });
      it("one bin/up mends it; whatever was not touched keeps its id", async () => {
        const { code, output } = await project.script("up", STACK);
        assert.equal(code, 0, output);
        for (const { undone } of changes) await undone?.();
        assert.deepEqual(await idsBut(project, touched), untouched);
        await agree();
      });
    });
});
