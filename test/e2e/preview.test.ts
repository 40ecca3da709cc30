/** What a preview announces is what an up does: by the CLI's own account, and by the engine's events. */
import assert from "node:assert/strict";
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  chmodSync,
  utimesSync,
  writeFileSync,
  appendFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Events, FULL, running } from "./engine.ts";
import { command, docker, Project, SMS, type Result } from "./support.ts";

const STACK = "e2e-preview";
const PREFIX = `assistant-${STACK}-`;
const project = new Project({
  stack: STACK,
  portOffset: 17500,
  // As in production: the source is in the image.
  config: {
    "berth:sourceMounts": "false",
    "berth:imageTarget": "runtime",
    "berth:debug": "false",
    "berth:logLevel": "INFO",
    "berth:settle": 0,
  },
});
const OTHER_IMAGE = `localhost/berth-test/redis-exporter:${STACK}`;

/** `operation kind name`, without operations that change nothing. */
type Steps = ReadonlySet<string>;
const CHANGING = ["create", "update", "replace", "delete"];
const step = (op: string, urn: string): string =>
  `${op} ${urn
    .split("::")
    .slice(-2)
    .join(" ")
    .replace(/^.*[:$/](?=\w+ )/, "")
    .toLowerCase()}`;
const stepsOf = (all: readonly { op: string; urn: string }[]): Steps =>
  new Set(all.filter(({ op }) => CHANGING.includes(op)).map(({ op, urn }) => step(op, urn)));

async function announced(): Promise<Steps> {
  const { code, output } = await project.pulumi("preview", "--json", "--stack", STACK);
  assert.equal(code, 0, output);
  const json = output.slice(output.search(/^\{/m), output.lastIndexOf("\n}") + 2);
  return stepsOf((JSON.parse(json) as { steps?: { op: string; urn: string }[] }).steps ?? []);
}

interface Done {
  readonly result: Result;
  readonly steps: Steps;
  readonly engine: Steps;
}

/** An up, as the CLI tells it step by step, and as the engine saw it. */
async function up(): Promise<Done> {
  const events = await watch();
  const volumes = await volumeNames();
  const result = await project.pulumi("up", "--json", "--yes", "--skip-preview", "--stack", STACK);
  const engine = engineSteps(await events.stop(), volumes);
  assert.equal(result.code, 0, result.output.slice(-4000));
  const told = result.output
    .split("\n")
    .filter((line) => line.startsWith('{"sequence"'))
    .map(
      (line) =>
        (JSON.parse(line) as { resOutputsEvent?: { metadata: { op: string; urn: string } } }).resOutputsEvent?.metadata,
    );
  return { result, steps: stepsOf(told.filter((event) => event !== undefined)), engine };
}

const watch = () =>
  Events.watch("{{.Type}} {{.Action}} {{.Actor.ID}} {{.Actor.Attributes.name}}", "event=create", "event=destroy");

const volumeNames = async (): Promise<ReadonlySet<string>> =>
  new Set((await docker("volume", "ls", "--quiet")).split("\n"));

/** What the engine made and removed of this stack: `made container api-1`. It tells of a volume's creation whenever a container mounts it: those of `before` were there. */
function engineSteps(events: readonly string[], before: ReadonlySet<string>): Steps {
  const removed = new Set(
    events.filter((line) => line.startsWith("volume destroy ")).map((line) => line.split(" ")[2]!),
  );
  return new Set(
    events.flatMap((line) => {
      const [kind, action, id, attribute] = line.split(" ") as [string, string, string, string];
      const name = kind === "volume" ? id : attribute;
      const verb = ({ create: "made", destroy: "removed" } as Record<string, string>)[action];
      if (kind === "volume" && action === "create" && before.has(name) && !removed.has(name)) return [];
      return verb && ["container", "network", "volume"].includes(kind) && name.startsWith(PREFIX)
        ? [`${verb} ${kind} ${name.replace(/-[0-9a-f]{7}$/, "")}`]
        : [];
    }),
  );
}

/** What the engine has to see when these steps are done. */
const expectedOf = (steps: Steps): Steps =>
  new Set(
    [...steps].flatMap((done) => {
      const [op, kind, name] = done.split(" ") as [string, string, string];
      if (!["container", "network", "volume"].includes(kind)) return [];
      return [
        ...(op === "create" || op === "replace" ? [`made ${kind} ${name}`] : []),
        ...(op === "delete" || op === "replace" ? [`removed ${kind} ${name}`] : []),
      ];
    }),
  );

const sorted = (steps: Iterable<string>): string[] => [...steps].sort();

/** Steps of several changes in one up: what is replaced or deleted needs no update. */
function union(all: readonly Steps[]): Steps {
  const steps = new Set(all.flatMap((one) => [...one]));
  for (const one of steps)
    if (one.startsWith("update ") && ["replace", "delete"].some((op) => steps.has(one.replace("update", op))))
      steps.delete(one);
  return steps;
}

function agrees(told: Steps, done: Done): void {
  assert.deepEqual(sorted(done.steps), sorted(told), "what the up did is not what the preview announced");
  assert.deepEqual(
    sorted(done.engine),
    sorted(expectedOf(told)),
    "what the engine saw is not what the preview announced",
  );
}

const backup = mkdtempSync(join(tmpdir(), "berth-preview-"));
const ours = (file: string): boolean => !["node_modules", ".state"].includes(file);
function save(): void {
  for (const file of readdirSync(project.dir).filter(ours))
    cpSync(join(project.dir, file), join(backup, file), { recursive: true });
}
function restore(): void {
  for (const file of readdirSync(project.dir).filter(ours)) rmSync(join(project.dir, file), { recursive: true });
  for (const file of readdirSync(backup)) cpSync(join(backup, file), join(project.dir, file), { recursive: true });
}

/** Sets one key of the stack file; a path goes into maps; undefined removes. */
function set(path: string, value: unknown): void {
  const [key, ...inner] = path.split(".") as [string, ...string[]];
  if (!inner.length) {
    project.configure({ [`berth:${key}`]: value });
    return;
  }
  const map = structuredClone(project.config[`berth:${key}`] ?? {}) as Record<string, unknown>;
  let at = map;
  for (const part of inner.slice(0, -1)) at = (at[part] ??= {}) as Record<string, unknown>;
  if (value === undefined) delete at[inner.at(-1)!];
  else at[inner.at(-1)!] = value;
  project.configure({ [`berth:${key}`]: map });
}
const setting = (path: string, value: unknown) => () => set(path, value);
const edited = (file: string, line: string) => () => project.edit(file, (text) => `${text}${line}\n`);
const path = (file: string): string => join(project.dir, file);

interface Change {
  readonly name: string;
  readonly make: () => void | Promise<void>;
  /** What has to be among the steps, so that an empty announcement is no agreement. */
  readonly among: string;
  /** Left to a long run: the same kind of change is in the short one. */
  readonly long?: true;
}

const replace = (container: string): string => `replace container ${PREFIX}${container}`;
const update = (container: string): string => `update container ${PREFIX}${container}`;

/** Changes of one group do not depend on each other, so that their announcements add up to those of the group. */
const table: readonly (readonly Change[])[] = [
  [
    {
      name: "environment of a service",
      make: setting("services.agent.environment", { RELEASE_NOTE: "second" }),
      among: replace("agent-1"),
    },
    { name: "log level", make: setting("logLevel", "WARNING"), among: replace("api-1"), long: true },
    {
      name: "replicas raised",
      make: setting("services.worker.replicas", 2),
      among: `create container ${PREFIX}worker-2`,
    },
    // Redis's own limit is fitted to it, and stands in a file.
    { name: "memory limit", make: setting("services.redis.memory", "512MiB"), among: replace("redis") },
    {
      name: "cpu limit",
      make: setting("services.postgres-exporter.cpus", 0.5),
      among: replace("postgres-exporter-1"),
      long: true,
    },
    {
      name: "reserved memory",
      make: setting("services.redis-exporter.reserveMemory", "32MiB"),
      among: update("redis-exporter-1"),
    },
    { name: "reserved cpu", make: setting("services.edge.reserveCpus", 0.25), among: update("edge"), long: true },
    { name: "port", make: setting("ports.alertmanager", 9193), among: replace("alertmanager") },
    {
      name: "retention of metrics",
      make: setting("retention.metrics", "3d"),
      among: replace("prometheus"),
      long: true,
    },
    {
      name: "secret set for the first time",
      make: () => project.setSecret("llmApiKey", "sk-preview-0123456789"),
      among: `create network ${PREFIX}egress`,
    },
  ],
  [
    {
      name: "replicas lowered",
      make: setting("services.worker.replicas", 1),
      among: `delete container ${PREFIX}worker-2`,
    },
    { name: "restart policy", make: setting("restart", "unless-stopped"), among: update("postgres"), long: true },
    {
      name: "secret rotated",
      make: () => project.setSecret("twilioAuthToken", "e2e-another-token-0123456789"),
      among: replace("sms-router-1"),
    },
    {
      name: "secret removed",
      make: setting("llmApiKey", undefined),
      among: `delete network ${PREFIX}egress`,
      long: true,
    },
    {
      name: "generated secret's version raised",
      make: setting("secretVersions.internalToken", 2),
      among: `create randompassword ${PREFIX}internaltoken-v2`,
    },
    {
      name: "service switched off",
      make: setting("off", ["alertmanager"]),
      among: `delete container ${PREFIX}alertmanager`,
    },
    { name: "port no longer published", make: setting("ports.redis", undefined), among: replace("redis"), long: true },
  ],
  [
    {
      name: "source file",
      make: edited("services/assistant/src/apps/agent/main.py", "# changed"),
      among: replace("agent-1"),
    },
    {
      name: "file mode in a build context",
      make: () => chmodSync(path("services/assistant/src/apps/agent/__init__.py"), 0o755),
      among: replace("agent-1"),
      long: true,
    },
    {
      name: "Dockerfile",
      make: edited("services/edge/Dockerfile", "ENV BERTH_CHANGED=1"),
      among: replace("edge"),
      long: true,
    },
    { name: "edge/nginx.conf", make: edited("edge/nginx.conf", "# changed"), among: replace("edge-routes") },
    {
      name: "alert rule",
      make: edited("monitoring/rules/availability.yml", "# changed"),
      among: replace("prometheus"),
      long: true,
    },
    {
      name: "pg_hba.conf",
      make: edited("data/postgres/pg_hba.conf", "# changed"),
      among: replace("postgres"),
      long: true,
    },
    { name: "redis.conf", make: edited("data/redis/redis.conf", "# changed"), among: replace("redis"), long: true },
    {
      name: "script of a job",
      make: edited("data/postgres/roles.sql", "-- changed"),
      among: replace("postgres-roles"),
      long: true,
    },
    {
      name: "base image that is pulled",
      make: setting("baseImages.redisExporter", OTHER_IMAGE),
      among: replace("redis-exporter-1"),
    },
  ],
  [
    {
      name: "service switched on again",
      make: setting("off", undefined),
      among: `create container ${PREFIX}alertmanager`,
    },
    { name: "job added", make: setting("seed", "true"), among: `create container ${PREFIX}seed` },
    {
      name: "password of the database",
      make: () => project.setSecret("postgresPassword", "preview-0123456789abcdef"),
      among: replace("postgres-roles"),
      long: true,
    },
    {
      name: "replicas of what the edge routes to",
      make: setting("services.api.replicas", 2),
      among: `create container ${PREFIX}api-2`,
      long: true,
    },
  ],
];

const groups = FULL
  ? table.flat().map((change) => [change])
  : table.map((changes) => changes.filter(({ long }) => !long));

const nothing: readonly Change[] = [
  {
    name: "a comment in the stack file",
    make: () => appendFileSync(path(`Pulumi.${STACK}.yaml`), "# a comment\n"),
    among: "",
  },
  {
    name: "a file that .dockerignore leaves out",
    make: () => writeFileSync(path("services/assistant/notes.txt"), "nobody ships me\n"),
    among: "",
  },
  {
    name: "compiled Python beside its source",
    make: () => writeFileSync(path("services/assistant/src/apps/left.pyc"), "compiled"),
    among: "",
  },
  {
    name: "the time of a file",
    make: () => utimesSync(path("services/assistant/bin/assistant"), new Date(), new Date()),
    among: "",
  },
  {
    name: "the time of a file that is mounted",
    make: () => utimesSync(path("edge/nginx.conf"), new Date(), new Date()),
    among: "",
  },
  { name: "documentation", make: edited("README.md", "changed"), among: "" },
  { name: "a default written out", make: setting("seed", "false"), among: "" },
];

describe("preview (#4.6): it announces what an up does, no more and no less", function () {
  this.timeout(1_800_000);
  before(async () => {
    await command("sh", [
      "-c",
      `printf 'FROM oliver006/redis_exporter:v1.69.0-alpine\\nLABEL another=1\\n' | docker build --quiet --tag ${OTHER_IMAGE} -`,
    ]);
    await project.pulumi("stack", "select", STACK, "--create");
    await project.setSecret("twilioAuthToken", SMS.token);
    await project.setSecret("twilioUserNumbers", JSON.stringify(SMS.numbers));
  });
  after(async () => {
    await project.remove();
    rmSync(backup, { recursive: true });
    for (const image of [
      OTHER_IMAGE,
      `localhost/berth/assistant-edge:${STACK}`,
      `localhost/berth/assistant-assistant:${STACK}`,
    ])
      await command("docker", ["image", "rm", image]);
  });

  it("from nothing: everything is announced, and made", async () => {
    const told = await announced();
    assert.ok(told.size > 100, `${told.size} steps`);
    agrees(told, await up());
  });

  for (const change of FULL ? nothing : [])
    it(`${change.name}: nothing is announced`, async () => {
      save();
      try {
        await change.make();
        assert.deepEqual(sorted(await announced()), []);
      } finally {
        restore();
      }
    });
  it(`${nothing.map((change) => change.name).join(", ")}: nothing is announced, and nothing is done`, async () => {
    for (const change of nothing) await change.make();
    const told = await announced();
    assert.deepEqual(sorted(told), []);
    agrees(told, await up());
  });

  for (const changes of groups)
    describe(changes.length > 1 ? `${changes.length} changes` : changes[0]!.name, () => {
      const told: Steps[] = [];
      for (const change of changes)
        it(`${change.name}: the preview announces it`, async () => {
          save();
          try {
            await change.make();
            told.push(await announced());
          } finally {
            restore();
          }
          assert.ok(told.at(-1)!.has(change.among), `${change.among} is not in\n${sorted(told.at(-1)!).join("\n")}`);
        });
      it("one up does what was announced: by the CLI's account and by the engine's events", async () => {
        assert.equal(told.length, changes.length, "a preview is missing");
        for (const change of changes) await change.make();
        agrees(union(told), await up());
      });
    });

  it("control: an expectation with one step more or less is refused", () => {
    const done: Done = { result: { code: 0, output: "" }, steps: new Set(), engine: new Set() };
    assert.doesNotThrow(() => agrees(new Set(), done));
    assert.throws(() => agrees(new Set([replace("api-1")]), done), /is not what the preview announced/);
    assert.throws(
      () => agrees(new Set(), { ...done, engine: new Set([`made container ${PREFIX}api-1`]) }),
      /the engine saw is not/,
    );
  });
  // The last of all: what it removes is missing afterwards.
  describe("control", () => {
    it("what somebody else does between preview and up shows as a difference", async () => {
      set("services.agent.environment", { RELEASE_NOTE: "third" });
      const told = await announced();
      const [events, volumes] = [await watch(), await volumeNames()];
      const postgresExporter = await running(project, "postgres-exporter");
      await docker("rm", "--force", postgresExporter);
      const done = await up();
      const engine = engineSteps(await events.stop(), volumes);
      assert.throws(() => agrees(told, { ...done, engine }), /the engine saw is not/);
    });
  });
});
