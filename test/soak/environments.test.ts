/** Dev, stage and prod side by side on one engine: nothing shared, no way from one to another, and none that is not meant inside one. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { stringify } from "yaml";
import { Client } from "../e2e/client.ts";
import { idsBut, named, running, TOOLS } from "../e2e/engine.ts";
import { addresses, at, Outside, reached } from "../e2e/reach.ts";
import { good, Serving } from "../e2e/serving.ts";
import { command, docker, eventually, Project } from "../e2e/support.ts";

/** Their own shapes, made small: three systems, nearly 60 containers, on two cores. */
const small = (...replicas: readonly [api: number, agent: number, worker: number, sms: number]) => ({
  "berth:services": {
    api: {
      replicas: replicas[0],
      memory: "512MiB",
      cpus: 1,
      environment: { RATE_LIMIT_PER_MINUTE: 0, JWT_ACCESS_TTL: 86400 },
    },
    agent: { replicas: replicas[1], memory: "384MiB", cpus: 0.5 },
    worker: { replicas: replicas[2], memory: "512MiB", cpus: 0.5 },
    "sms-router": { replicas: replicas[3], memory: "256MiB", cpus: 0.5 },
    postgres: { memory: "768MiB", cpus: 1 },
    redis: { memory: "256MiB", cpus: 0.5 },
  },
});
const OFFSETS = { dev: 10000, stage: 11000, prod: 12000 } as const;
/** Port of each service inside its container. */
const PORTS = {
  postgres: 5432,
  redis: 6379,
  api: 8000,
  agent: 8001,
  edge: 8080,
  prometheus: 9090,
  "redis-exporter": 9121,
} as const;

describe("three environments on one engine", function () {
  this.timeout(2_400_000);
  const dev = new Project({ stack: "e2e-dev", portOffset: OFFSETS.dev, config: small(1, 1, 1, 1) });
  const stage = new Project({
    stack: "e2e-stage",
    from: "stage",
    portOffset: OFFSETS.stage,
    config: { "berth:settle": 0, ...small(2, 1, 1, 1) },
  });
  const serving = new Serving({
    stack: "e2e-prod",
    from: "prod",
    portOffset: OFFSETS.prod,
    // Not on every address of the machine that tests.
    config: { "berth:bindAddress": "127.0.0.1", "berth:waitTimeout": 120, ...small(2, 2, 1, 1) },
  });
  const prod = serving.project;
  const projects = [dev, stage, prod];
  const others = (project: Project): Project[] => projects.filter((other) => other !== project);

  before(async () => {
    for (const project of [dev, stage]) await project.pulumi("stack", "select", project.stack, "--create");
    // Gives the agent of one stack a way out: the control of those that have none.
    await dev.setSecret("llmApiKey", "sk-none-0123456789");
    for (const project of [dev, stage]) await good(project.up());
    await serving.start();
  });
  after(async () => {
    for (const project of projects) await project.remove();
  });

  it("PA-01: all three are up at once, each answering for itself", async () => {
    for (const project of projects) {
      const url = await project.output<string>("edgeUrl");
      const { status, body } = await eventually(() => new Client(url).get("/v1/version"));
      assert.deepEqual(
        [status, (body as { environment: string }).environment],
        [200, project.config["berth:environment"]],
      );
    }
    assert.ok((await prod.running("api")).length >= 2 && (await prod.running("agent")).length >= 2);
  });

  describe("nothing is shared", () => {
    it("PA-20, PA-27: no name of a container, network or volume", async () => {
      const all = (await Promise.all(projects.map((project) => project.objects()))).flat();
      assert.ok(all.length > 150, String(all.length));
      assert.equal(new Set(all).size, all.length);
    });

    it("PA-20: every container is on networks, and has volumes, of its own stack only", async () => {
      for (const project of projects) {
        const own = new Set((await project.objects()).map((object) => object.split(" ")[1]!));
        for (const name of (await project.containers()).keys()) {
          const format =
            '{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}{{range .Mounts}}{{if eq .Type "volume"}}{{.Name}} {{end}}{{end}}';
          const used = (await docker("inspect", "--format", format, name))
            .split(" ")
            .filter((part) => part && part !== "none");
          // A volume without a label is an image's own; its name is 64 digits.
          for (const part of used) assert.ok(own.has(part) || /^[0-9a-f]{64}$/.test(part), `${name} uses ${part}`);
        }
      }
    });

    it("PA-37, PA-39: no environment variable and no label names another environment", async () => {
      for (const project of projects) {
        const environment = project.config["berth:environment"] as string;
        for (const name of (await project.containers()).keys()) {
          const { Env, Labels } = JSON.parse(await docker("inspect", "--format", "{{json .Config}}", name)) as {
            Env: string[] | null;
            Labels: Record<string, string>;
          };
          assert.deepEqual([Labels["berth.stack"], Labels["berth.environment"]], [project.stack, environment], name);
          for (const line of Env ?? []) {
            for (const other of others(project))
              assert.ok(
                !line.includes(other.stack) && !line.includes(other.config["berth:database"] as string),
                `${name}: ${line}`,
              );
            if (line.startsWith("APP_ENV=")) assert.equal(line, `APP_ENV=${environment}`, name);
            if (environment !== "dev") assert.doesNotMatch(line, /^(DEBUG|RELOAD)=true|^DEBUG_PORT=/, name);
          }
        }
      }
    });

    it("PA-24: each has a database of another name, and none of the others'", async () => {
      for (const project of projects) {
        const databases = await docker(
          "exec",
          await running(project, "postgres"),
          "psql",
          "-qAtX",
          "-U",
          "postgres",
          "-c",
          "SELECT datname FROM pg_database WHERE datname LIKE 'pa\\_%'",
        );
        assert.equal(databases, project.config["berth:database"]);
      }
    });

    it("PA-40: no secret of one in the state, nor on a volume, of another", async () => {
      const exported = new Map(
        await Promise.all(
          projects.map(async (project): Promise<[Project, string]> => [project, await plainState(project)]),
        ),
      );
      const volumes = new Map(
        await Promise.all(
          projects.map(async (project): Promise<[Project, string]> => [project, await secretFiles(project)]),
        ),
      );
      for (const project of projects) {
        const secrets = passwordsIn(exported.get(project)!);
        assert.ok(secrets.length >= 6, `${project.stack}: ${secrets.length} secrets`);
        for (const [n, secret] of secrets.entries()) {
          // By number: a message must not show what it is about.
          assert.ok(
            exported.get(project)!.includes(secret),
            `control: secret ${n} of ${project.stack} is in its own state`,
          );
          for (const other of others(project)) {
            assert.ok(
              !exported.get(other)!.includes(secret),
              `secret ${n} of ${project.stack} is in the state of ${other.stack}`,
            );
            assert.ok(
              !volumes.get(other)!.includes(secret),
              `secret ${n} of ${project.stack} is on a volume of ${other.stack}`,
            );
          }
        }
        assert.ok(
          secrets.some((secret) => volumes.get(project)!.includes(secret)),
          `control: no secret of ${project.stack} is on its own volumes`,
        );
      }
    });
  });

  describe("no way from one to another", () => {
    for (const project of projects)
      it(`from ${project.stack}, and inside it the same attempt succeeds`, async () => {
        const foreign = (await Promise.all(others(project).map(doors))).flat();
        assert.ok(foreign.length > 12, foreign.join(", "));
        // Between them they are on every network.
        for (const service of ["api", "edge", "prometheus", "redis-exporter", "agent"] as const) {
          const [from] = await project.running(service);
          // Itself it must reach, in the same breath: on a machine with too much to do nothing else tells a refusal from an attempt that was never made.
          const itself = (await at(from!, PORTS[service])).sort();
          assert.deepEqual(
            await reached(from!, [...foreign, ...itself]),
            itself,
            `what ${from!} reaches of itself and other stacks`,
          );
        }
        const [api] = await project.running("api");
        assert.deepEqual(
          await reached(api!, await dataAddress(project, "postgres")),
          await dataAddress(project, "postgres"),
        );
      });

    it("nor by name", async () => {
      const [api] = await dev.running("api");
      const names = (of: Project) =>
        (["edge", "postgres"] as const).map((service) => `assistant-${of.stack}-${service}:${PORTS[service]}`);
      assert.deepEqual(await reached(api!, [...names(prod), ...names(dev)]), names(dev));
    });
  });

  describe("inside prod", () => {
    it("application, data and monitoring networks are internal; edge is not", async () => {
      for (const [network, internal] of [
        ["app", "true"],
        ["data", "true"],
        ["monitoring", "true"],
        ["edge", "false"],
      ] as const)
        assert.equal(
          await docker("network", "inspect", "--format", "{{.Internal}}", await named(prod, "network", network)),
          internal,
          network,
        );
    });

    it("monitoring reaches no database, but by the exporters", async () => {
      const [prometheus, exporter] = [await running(prod, "prometheus"), await running(prod, "redis-exporter")];
      const databases = [
        ...(await at(await running(prod, "postgres"), PORTS.postgres)),
        ...(await at(await running(prod, "redis"), PORTS.redis)),
      ].sort();
      assert.deepEqual(await reached(prometheus, databases), []);
      assert.deepEqual(await reached(exporter, databases), databases);
      const api = `${(await addresses((await prod.running("api"))[0]!)).get(await named(prod, "network", "monitoring"))!}:${PORTS.api}`;
      assert.deepEqual(await reached(prometheus, [api]), [api], "control: what it is there to ask, it reaches");
    });

    it("the edge reaches no database, but the applications", async () => {
      const edge = await running(prod, "edge");
      assert.deepEqual(
        await reached(edge, [
          ...(await at(await running(prod, "postgres"), PORTS.postgres)),
          ...(await at(await running(prod, "redis"), PORTS.redis)),
        ]),
        [],
      );
      const api = `${(await addresses((await prod.running("api"))[0]!)).get(await named(prod, "network", "app"))!}:${PORTS.api}`;
      assert.deepEqual(await reached(edge, [api]), [api]);
    });

    it("databases are on no port of this machine; dev's are (control)", async () => {
      assert.deepEqual((await docker("port", await running(prod, "postgres"))).split("\n").filter(Boolean), []);
      for (const port of [5432, 6379]) {
        assert.equal(await opens(port + OFFSETS.prod), false, `prod ${port}`);
        assert.equal(await opens(port + OFFSETS.dev), true, `dev ${port}`);
      }
    });
  });

  it("only a service that declares it has a way out of the engine", async () => {
    const outside = await new Outside().open();
    try {
      const target = [outside.target];
      for (const project of projects)
        for (const service of ["api", "worker", "sms-router", "redis", "redis-exporter"]) {
          // Dev and stage publish Redis to this machine, and a port is published through a network with a way out.
          if (service === "redis" && project !== prod) continue;
          for (const name of await project.running(service)) assert.deepEqual(await reached(name, target), [], name);
        }
      const agent = await running(dev, "agent");
      assert.deepEqual(await reached(agent, target), target);
      for (const name of [...(await stage.running("agent")), ...(await prod.running("agent"))])
        assert.deepEqual(await reached(name, target), [], name);
    } finally {
      await outside.close();
    }
  });

  it("PA-22: dev runs source as it is typed, with no up; stage has it in its image (control)", async () => {
    const typed = async (project: Project) => {
      project.edit("services/assistant/src/apps/fastapi_app/main.py", (text) =>
        text.replace(
          "    for routes in (auth",
          () =>
            "    @app.get('/v1/typed')\n    async def typed() -> str:\n        return 'just typed'\n\n    for routes in (auth",
        ),
      );
      const url = `${await project.output<string>("edgeUrl")}/v1/typed`;
      return async () => (await fetch(url)).text();
    };
    const [inDev, inStage] = [await typed(dev), await typed(stage)];
    await eventually(async () => assert.match(await inDev(), /just typed/), 30);
    assert.doesNotMatch(await inStage(), /just typed/);
    for (const name of await dev.running("api"))
      assert.equal(await docker("inspect", "--format", "{{.RestartCount}}", name), "0");
  });

  describe("at the preview", () => {
    const clash = "e2e-clash";
    const preview = (passphrase: string) =>
      command("pulumi", ["preview", "--stack", clash, "--non-interactive", "--color", "never"], {
        cwd: prod.dir,
        env: { ...prod.env, PULUMI_CONFIG_PASSPHRASE: passphrase },
      });
    let opener = "e2e";
    const make = async (config: Record<string, unknown>, passphrase = "e2e") => {
      opener = passphrase;
      prod.write(`Pulumi.${clash}.yaml`, stringify({ config: { ...prod.config, ...config } }));
      await good(
        command("pulumi", ["stack", "init", clash, "--no-select", "--non-interactive"], {
          cwd: prod.dir,
          env: { ...prod.env, PULUMI_CONFIG_PASSPHRASE: passphrase },
        }),
      );
    };
    afterEach(async () => {
      await command("pulumi", ["stack", "rm", clash, "--yes", "--preserve-config", "--non-interactive"], {
        cwd: prod.dir,
        env: { ...prod.env, PULUMI_CONFIG_PASSPHRASE: opener },
      });
      rmSync(join(prod.dir, `Pulumi.${clash}.yaml`), { force: true });
    });

    it("PA-21: a host port that another stack of the checkout has is refused, with the key that moves it; moved, it is taken", async () => {
      const objects = await prod.objects();
      await make({});
      const refused = await preview("e2e");
      assert.notEqual(refused.code, 0, refused.output);
      assert.match(
        refused.output,
        /berth:ports\.edge: port 12080, which stack e2e-prod has on the same engine[\s\S]*pulumi config set berth:portOffset \d+ --stack e2e-clash/,
      );
      assert.doesNotMatch(refused.output, /\bat .*\.ts:\d+/);
      const [, offset] = /berth:portOffset (\d+) --stack e2e-clash/.exec(refused.output)!;
      await good(
        command("pulumi", ["config", "set", "berth:portOffset", offset!, "--stack", clash], {
          cwd: prod.dir,
          env: prod.env,
        }),
      );
      await good(preview("e2e"));
      assert.deepEqual(await prod.objects(), objects);
    });

    it("PA-39: dev's public passphrase, its settings and published databases are refused together in prod", async () => {
      await make(
        { "berth:portOffset": 12500, "berth:debug": true, "berth:ports": { edge: 80, postgres: 5432 } },
        "berth-dev",
      );
      const { code, output } = await preview("berth-dev");
      assert.notEqual(code, 0, output);
      for (const words of [
        /PULUMI_CONFIG_PASSPHRASE: the public passphrase of dev in prod/,
        /berth:debug: switched on in prod/,
        /berth:ports\.postgres: a database published on 127\.0\.0\.1:17932 in prod/,
      ])
        assert.match(output, words);
    });

    it("N-03: a database that nothing encrypts is warned of", async () =>
      assert.match((await prod.preview()).output, /warning: [\s\S]*berth:postgres\.device: missing/));
  });

  // A suite of its own: a suite's tests run before the suites inside it, and this must be the last. A quarter of the load, because three systems
  // and a destroy are on the machine as well.
  describe("in the end", () => {
    it("bin/restore --to: one's data into another; not over newer data unasked, and what it comes from stays as it is", async () => {
      const [from, into] = [
        new Client(await stage.output<string>("edgeUrl")),
        new Client(await dev.output<string>("edgeUrl")),
      ];
      const tasks = async (client: Client) =>
        JSON.stringify((await client.enter("moved@example.org").then(() => client.get("/v1/tasks"))).body);
      const restore = (...args: string[]) =>
        stage.script("restore", stage.stack, "latest", "--to", dev.stack, "--yes", ...args);
      await from.enter("moved@example.org");
      await from.post("/v1/messages", { id: randomUUID(), text: "task: what moved" });
      await eventually(async () => assert.match(await tasks(from), /what moved/));
      await good(stage.script("backup", stage.stack));
      assert.doesNotMatch(await tasks(into), /what moved/);
      const { code, output } = await restore();
      assert.notEqual(code, 0, output);
      assert.match(output, /the database of stack e2e-dev has newer data/);
      assert.doesNotMatch(await tasks(into), /what moved/);
      await good(restore("--discard-newer"));
      for (const client of [into, from]) await eventually(async () => assert.match(await tasks(client), /what moved/));
    });

    it("destroying dev, data included, under load on prod loses nothing of prod or stage", async () => {
      const [ids, untouched] = [await idsBut(prod, []), await stage.objects()];
      await serving.assertLossless(
        await serving.underLoad(
          async () => {
            await good(dev.script("down", dev.stack, "--data", "--yes"));
          },
          { share: 0.25 },
        ),
      );
      assert.deepEqual(await dev.objects(), []);
      assert.deepEqual(await idsBut(prod, []), ids);
      assert.deepEqual(await stage.objects(), untouched);
      assert.equal((await serving.client.get("/ready")).status, 200);
      assert.equal((await new Client(await stage.output<string>("edgeUrl")).get("/ready")).status, 200);
    });
  });
});

const run = promisify(execFile);

/** The whole state, secrets in clear: it stays in this process's memory. */
async function plainState({ dir, stack, env }: Project): Promise<string> {
  return (
    await run("pulumi", ["stack", "export", "--show-secrets", "--stack", stack], {
      cwd: dir,
      env: { ...process.env, ...env },
      maxBuffer: 1 << 28,
    })
  ).stdout;
}

/** Every password that was generated. */
function passwordsIn(state: string): string[] {
  interface Resource {
    readonly type: string;
    readonly outputs?: { readonly result?: string | { readonly plaintext: string } };
  }
  const { deployment } = JSON.parse(state) as { deployment: { resources: readonly Resource[] } };
  return deployment.resources
    .filter(({ type }) => type === "random:index/randomPassword:RandomPassword")
    .map(({ outputs }) => {
      const result = outputs!.result!;
      return typeof result === "string" ? result : (JSON.parse(result.plaintext) as string);
    });
}

/** What stands on the volumes that carry a stack's secrets. */
async function secretFiles(project: Project): Promise<string> {
  const volumes = (await project.objects()).flatMap(
    (object) => /^volume (\S+-secrets-[0-9a-f]{7})$/.exec(object)?.[1] ?? [],
  );
  assert.ok(volumes.length >= 6, volumes.join(", "));
  return docker(
    "run",
    "--rm",
    "--user",
    "0:0",
    "--network",
    "none",
    ...volumes.flatMap((volume) => ["--volume", `${volume}:/v/${volume}:ro`]),
    "--entrypoint",
    "sh",
    TOOLS,
    "-c",
    "find /v -type f -exec cat {} +",
  );
}

/** Every address of a stack at which something listens. */
const doors = async (project: Project): Promise<string[]> =>
  (
    await Promise.all(
      Object.entries(PORTS).map(async ([service, port]) =>
        (await Promise.all((await project.running(service)).map((name) => at(name, port)))).flat(),
      ),
    )
  ).flat();

/** A database, where applications reach it. */
async function dataAddress(project: Project, service: "postgres" | "redis"): Promise<string[]> {
  const address = (await addresses(await running(project, service))).get(await named(project, "network", "data"))!;
  return [`${address}:${PORTS[service]}`];
}

/** Whether something accepts connections on a port of this machine. */
const opens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, timeout: 2000 });
    const end = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket
      .once("connect", () => end(true))
      .once("error", () => end(false))
      .once("timeout", () => end(false));
  });
