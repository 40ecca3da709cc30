import assert from "node:assert/strict";
import { leaving } from "../../bin/leaving.ts";
import { planOf } from "../../bin/stack.ts";
import { otherStacks } from "../../config/checkout.ts";
import { resourceName } from "../../plan/names.ts";
import {
  CONTAINER,
  dockerClient,
  find,
  isSecret,
  NETWORK,
  ofType,
  type Recorded,
  reveal,
  running,
  runProgram,
  type Run,
  VOLUME,
} from "./support.ts";

/** Of every system. */
const STACKS = otherStacks("").map(({ stack }) => stack);
const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);

for (const stack of STACKS)
  describe(`the program, stack ${stack}`, function () {
    this.timeout(60_000);
    const { services, system, environment } = planOf(stack);
    const named = (...parts: (string | number)[]): string => resourceName(system, stack, ...parts);
    let run: Run;
    before(async () => {
      run = await runProgram({ stack });
    });

    it("PA-01: previews cleanly, with the same resources as an update", async () => {
      const preview = await runProgram({ stack, preview: true });
      const urns = (of: Run) => of.resources.map((resource) => resource.urn).sort();
      assert.deepEqual(urns(preview), urns(run));
      assert.ok(run.resources.length > services.length);
    });

    it("gives each resource an URN of its own and a parent", () => {
      const urns = run.resources.map((resource) => resource.urn);
      assert.equal(new Set(urns).size, urns.length);
      const parents = new Map(run.resources.map((resource) => [resource.urn, resource.parent]));
      for (const { urn, name, type } of run.resources) {
        let up = urn;
        while (parents.get(up)) up = parents.get(up)!;
        if (type !== "pulumi:pulumi:Stack")
          assert.match(up, /pulumi:pulumi:Stack|Platform/, `${name} hangs in the air at ${up}`);
        if (!type.startsWith("berth:platform") && type !== "pulumi:pulumi:Stack")
          assert.match(parents.get(urn)!, /berth:/, name);
      }
    });

    // What hardens them is held by the policy pack's rules: policy.test.ts.
    it("waits for the health of every running container, and gives it time to stop", () => {
      assert.equal(running(run).length, sum(services.map(({ replicas }) => replicas)));
      for (const { name, inputs } of running(run)) {
        assert.match(inputs["cpus"] as string, /^\d+\.\d+$/, name);
        assert.equal(inputs["wait"], true, name);
        assert.ok((inputs["destroyGraceSeconds"] as number) > 0, name);
        assert.equal(inputs["init"], true, name);
      }
    });

    it("replaces stateless containers after the new ones are healthy, stateful ones before", () => {
      for (const container of running(run)) {
        assert.ok(container.deleteBeforeReplaceDefined, container.name);
        assert.ok(container.replaceOnChanges.includes("#initerror"), container.name);
        // In place, it would be set on all of a service's containers at once.
        assert.equal(container.replaceOnChanges.includes("memory"), !container.deleteBeforeReplace, container.name);
        assert.equal(container.deleteBeforeReplace, container.inputs["name"] !== undefined, container.name);
      }
      for (const { name, kind } of services)
        if (kind === "stateful") assert.equal(find(run, CONTAINER, named(name)).deleteBeforeReplace, true);
        else if (kind === "stateless") assert.equal(find(run, CONTAINER, named(name, 1)).deleteBeforeReplace, false);
    });

    it("PA-40: puts no secret into an environment, and keeps every secret file a secret", () => {
      for (const { name, inputs } of ofType(run, CONTAINER)) {
        assert.ok(!isSecret(inputs["envs"]), name);
        assert.ok(!JSON.stringify(inputs["envs"] ?? []).includes("password-of-"), name);
        if (inputs["uploads"] !== undefined)
          assert.ok(isSecret(inputs["uploads"]), `${name}: its files are in the state in clear`);
        const elsewhere = JSON.stringify({ ...inputs, uploads: undefined });
        assert.ok(!elsewhere.includes("password-of-"), `${name}: a secret outside its files`);
      }
    });

    it("keeps data volumes when the stack goes, under a name that finds them again", () => {
      const data = ofType(run, VOLUME).filter((volume) => volume.retainOnDelete);
      const kept = services.flatMap(({ volumes = [] }) => volumes.filter(({ keep }) => keep === "data"));
      assert.deepEqual(
        data.map(({ inputs }) => inputs["name"]).sort(),
        [...new Set(kept.map(({ name }) => named(name)))].sort(),
      );
      for (const volume of data) {
        assert.equal(volume.protect, environment !== "dev", volume.name);
        assert.ok(volume.ignoreChanges.includes("labels"), volume.name);
      }
    });

    it("names all that holds data, or opens it, as bin/up expects it in the state", () => {
      const { resources } = run;
      assert.ok(resources.some(({ protect }) => protect) || environment === "dev");
      assert.deepEqual(leaving(planOf(stack), {}, { resources }), []);
    });

    it("opens only the edge beyond this machine, and keeps application and data networks internal", () => {
      for (const { name, inputs } of ofType(run, NETWORK))
        assert.equal(inputs["internal"], !/-(edge|egress)$/.test(name), name);
      for (const { name, inputs } of running(run))
        for (const port of inputs["ports"] as { ip: string }[])
          assert.equal(port.ip, environment === "prod" && /-edge$/.test(name) ? "0.0.0.0" : "127.0.0.1", name);
    });

    it("PA-22, PA-55: mounts source in dev and nowhere else", () => {
      const sources = running(run).filter(({ inputs }) =>
        JSON.stringify(reveal(inputs["volumes"]) ?? []).includes(`${process.cwd()}/services/`),
      );
      const editable = services.filter((service) => Object.keys(service.sources).length > 0);
      assert.equal(sources.length, sum(editable.map(({ replicas }) => replicas)));
      const reloads = running(run).filter(({ inputs }) => (inputs["envs"] as string[]).includes("RELOAD=true"));
      const applications = services.filter(({ tier, kind }) => tier === "app" && kind === "stateless");
      for (const found of [sources, reloads])
        assert.equal(found.length > 0, environment === "dev" && applications.length > 0);
      const debuggable = running(run).filter(({ inputs }) => (inputs["envs"] as string[]).includes("DEBUG_PORT=5678"));
      if (system === "assistant") assert.equal(debuggable.length > 0, environment === "dev");
    });

    // Each costs every up and every preview: docs/performance.md.
    it("registers at most four resources a service: what groups it, its container, its files, what carries them", () => {
      const inTiers = run.resources.filter(({ urn }) => /Tier\$/.test(urn));
      assert.ok(inTiers.length <= sum(services.map(({ replicas }) => 3 + replicas)), String(inTiers.length));
    });

    it("has the documented outputs", () => {
      assert.deepEqual(Object.keys(run.outputs).sort(), [
        "containers",
        "credentials",
        "edgeUrl",
        "images",
        "schemaVersion",
        "switchedOff",
        "urls",
      ]);
      const containers = run.outputs["containers"] as Record<string, string[]>;
      const images = run.outputs["images"] as Record<string, string>;
      assert.deepEqual(
        Object.fromEntries(Object.entries(containers).map(([name, { length }]) => [name, length])),
        Object.fromEntries(services.map(({ name, replicas }) => [name, replicas])),
      );
      for (const { name, image } of services)
        if ("build" in image) assert.match(images[name]!, /^(\S+@)?sha256:[0-9a-f]{64}$/, name);
        else assert.equal(images[name], image.pull);
    });
  });

describe("the program", function () {
  this.timeout(60_000);

  it("N-03: puts the database's volume, and no other, into the folder that the stack file names", async () => {
    const device = "/mnt/encrypted/postgres";
    const run = await runProgram({ stack: "stage", config: { "berth:postgres": { maxConnections: 100, device } } });
    const [data, ...others] = ofType(run, VOLUME).filter(({ inputs }) => inputs["driverOpts"] !== undefined);
    assert.equal(others.length, 0);
    assert.deepEqual(
      [data!.name, data!.inputs["driver"], data!.inputs["driverOpts"]],
      ["assistant-stage-postgres-data", "local", { type: "none", o: "bind", device }],
    );
    // A volume that exists must stay what it is: bin/volumes.ts tells where that is not what the file says.
    for (const key of ["driver", "driverOpts", "labels"]) assert.ok(data!.ignoreChanges.includes(key), key);
    assert.ok(data!.protect && data!.retainOnDelete);
  });

  it("PA-23: backups: in dev where it is told to; reads as a role of its own, writes a volume that is kept, reaches nothing outside", async () => {
    const off = await runProgram({ stack: "dev" });
    assert.ok(off.resources.every(({ name }) => !name.includes("backup")));
    const run = await runProgram({ stack: "dev", config: { "berth:backup": { every: "1h", keep: 3 } } });
    const { inputs, dependencies } = find(run, CONTAINER, "assistant-dev-backup");
    const networks = (inputs["networksAdvanced"] as { aliases: string[] }[]).length;
    const envs = inputs["envs"] as string[];
    for (const env of ["BACKUP_EVERY=3600", "BACKUP_KEEP=3"]) assert.ok(envs.includes(env), env);
    const config = find(run, CONTAINER, "assistant-dev-backup-files-seed");
    const uploads = reveal(config.inputs["uploads"]) as { file: string; content: string }[];
    const stores = uploads.find(({ file }) => file.endsWith("/stores.json"));
    const told = JSON.parse(stores!.content) as { name: string; given: Record<string, unknown> }[];
    assert.deepEqual(
      told.map(({ name, given }) => [name, given["user"], given["database"]]),
      [
        ["postgres", "backup", "pa_dev"],
        ["redis", "backup", undefined],
      ],
    );
    assert.deepEqual([inputs["user"], networks], ["34:0", 2]);
    assert.ok(dependencies.includes(find(run, CONTAINER, "assistant-dev-migrate").urn));
    assert.ok(find(run, VOLUME, "assistant-dev-backup-data").retainOnDelete);
    assert.ok(!ofType(run, NETWORK).some(({ name }) => name.endsWith("-egress")));
    // Without the key that made them, backups are worth nothing: it stays at `bin/down`, as they do.
    const passwords = (of: Run) =>
      ofType(of, "random:index/randomPassword:RandomPassword")
        .filter(({ protect }) => protect)
        .map(({ name }) => name)
        .sort();
    assert.deepEqual(passwords(run), ["assistant-dev-backupKey-v1", "assistant-dev-mfaEncryptionKey-v1"]);
    const rotated = await runProgram({
      stack: "dev",
      config: { "berth:backup": {}, "berth:secretVersions": { backupKey: 3, mfaEncryptionKey: 3 } },
    });
    assert.deepEqual(passwords(rotated), [
      "assistant-dev-backupKey-v1",
      "assistant-dev-backupKey-v2",
      "assistant-dev-backupKey-v3",
      "assistant-dev-mfaEncryptionKey-v1",
      "assistant-dev-mfaEncryptionKey-v2",
      "assistant-dev-mfaEncryptionKey-v3",
    ]);
    assert.ok(isSecret(config.inputs["uploads"]));
    const secrets = uploads.filter((upload) => upload !== stores).map(({ file }) => file);
    assert.deepEqual(secrets, ["/etc/berth/secrets/backup-key", "/etc/berth/secrets/redis-password"]);
    const key = uploads.find(({ file }) => file === secrets[0]);
    assert.equal(key!.content, "password-of-assistant-dev-backupKey-v1\n\n");
  });

  it("PA-25: makes test users in stage, and shows their password; no password where there are none", async () => {
    const stage = await runProgram({ stack: "stage" });
    assert.match(JSON.stringify(find(stage, CONTAINER, "assistant-stage-seed").inputs["command"]), /assistant seed/);
    const shown = (run: Run) => run.outputs["credentials"] as Record<string, string>;
    assert.match(shown(stage)["seed"]!, /bob@example\.com: password-of-assistant-stage-seedPassword-v1$/);
    assert.ok(!("seed" in shown(await runProgram({ stack: "dev" }))));
  });

  it("PA-23: backups to a bucket: reaches out, keeps no volume, and wants the bucket's credentials", async () => {
    const config = { "berth:backup": { s3: { bucket: "mine", endpoint: "https://s3.example.org" } } };
    await assert.rejects(
      runProgram({ stack: "stage", config }),
      /berth:backupS3AccessKey: missing[\s\S]*berth:backupS3SecretKey: missing/,
    );
    const run = await runProgram({
      stack: "stage",
      config,
      secrets: { "berth:backupS3AccessKey": "AKIA-of-nobody", "berth:backupS3SecretKey": "0123456789abcdef" },
    });
    const { inputs } = find(run, CONTAINER, "assistant-stage-backup");
    const envs = inputs["envs"] as string[];
    for (const env of [
      "BACKUP_S3_BUCKET=mine",
      "BACKUP_S3_ENDPOINT=https://s3.example.org",
      "BACKUP_S3_PREFIX=assistant-stage",
    ])
      assert.ok(envs.includes(env), env);
    assert.ok(ofType(run, NETWORK).some(({ name }) => name.endsWith("-egress")));
    assert.ok(!ofType(run, VOLUME).some(({ name }) => name.endsWith("-backup-data")));
  });

  it("PA-43: tells the migration, and nobody else, which revisions may remove data", async () => {
    const told = (run: Run) =>
      running(run)
        .filter(({ inputs }) => (inputs["envs"] as string[]).includes("ALLOW_DESTRUCTIVE=0003,0004"))
        .map(({ name }) => name);
    assert.deepEqual(
      told(await runProgram({ stack: "dev", config: { "berth:allowDestructiveMigrations": "0003,0004" } })),
      ["assistant-dev-migrate"],
    );
    assert.deepEqual(told(await runProgram({ stack: "dev" })), []);
  });

  it("PA-43: tells the migration, and nobody else, which revision to go to", async () => {
    const told = (run: Run) =>
      running(run)
        .filter(({ inputs }) => (inputs["envs"] as string[]).includes("SCHEMA_REVISION=0002"))
        .map(({ name }) => name);
    assert.deepEqual(told(await runProgram({ stack: "dev", config: { "berth:schema": "0002" } })), [
      "assistant-dev-migrate",
    ]);
    assert.deepEqual(told(await runProgram({ stack: "dev" })), []);
  });

  it("PA-43: says which version the schema is of by asking the database's container, and nothing where nobody answers", async () => {
    const version = async (client: string, preview = false) => {
      dockerClient(client);
      try {
        return (await runProgram({ stack: "dev", preview })).outputs["schemaVersion"];
      } finally {
        dockerClient();
      }
    };
    assert.equal(await version('[ "$1 $2 $3" = "exec assistant-dev-postgres-id psql" ] && echo 0007'), "0007");
    assert.equal(await version("echo no such container >&2; exit 1"), undefined);
    // What a preview would make anew cannot be asked.
    assert.notEqual(await version("echo 0007", true), "0007");
  });

  it("PA-39: refuses development's settings in prod before the first resource, all at once, with what mends each", async () => {
    const resources: Recorded[] = [];
    const config = {
      "berth:debug": true,
      "berth:seed": true,
      "berth:ports": { edge: 80, redis: 6379 },
      "berth:services": { api: { environment: { DEBUG_PORT: 5678 } } },
    };
    await assert.rejects(runProgram({ stack: "prod", config, resources }), (error: Error) => {
      for (const part of [
        "berth:debug: switched on in prod",
        "berth:seed: test data in prod",
        "berth:ports.redis: a database published on 127.0.0.1:6379 in prod",
        "berth:services.api.environment.DEBUG_PORT: 5678 in prod",
        "pulumi config rm --path berth:ports.redis --stack prod",
      ])
        assert.ok(error.message.includes(part), `${part} is missing in:\n${error.message}`);
      return true;
    });
    assert.deepEqual(
      resources.filter(({ type }) => type !== "pulumi:pulumi:Stack"),
      [],
    );
  });

  it("PA-39: the three stacks share no name on the engine and no host port", async () => {
    const names: string[] = [];
    const ports: number[] = [];
    for (const stack of ["dev", "stage", "prod"]) {
      const run = await runProgram({ stack, config: stack === "prod" ? { "berth:portOffset": 200 } : {} });
      names.push(
        ...[CONTAINER, NETWORK, VOLUME].flatMap((type) => ofType(run, type)).map(({ type, name }) => type + name),
      );
      ports.push(
        ...running(run).flatMap(({ inputs }) =>
          (inputs["ports"] as { external: number }[]).map(({ external }) => external),
        ),
      );
    }
    assert.equal(new Set(names).size, names.length);
    assert.equal(new Set(ports).size, ports.length);
  });

  it("registers at most a hundred resources for the 22 services of dev, and four for each further one", async () => {
    const { length } = (await runProgram({ stack: "dev" })).resources;
    const further = planOf("dev", []).services.length - 22;
    assert.ok(length <= 100 + 4 * further, String(length));
  });

  it("waits in the documented order: databases, migration, applications, routes", async () => {
    const run = await runProgram({ stack: "stage" });
    const waitsFor = (name: string, other: string) =>
      find(run, CONTAINER, name).dependencies.includes(find(run, CONTAINER, other).urn);
    assert.ok(waitsFor("assistant-stage-postgres-roles", "assistant-stage-postgres"));
    assert.ok(waitsFor("assistant-stage-migrate", "assistant-stage-postgres-roles"));
    assert.ok(waitsFor("assistant-stage-api-1", "assistant-stage-migrate"));
    // All that the release brings, monitoring included: an alertmanager that does not start leaves the routes alone.
    for (const name of ["api-2", "worker-1", "backup", "alertmanager", "grafana", "postgres-exporter-1"])
      assert.ok(waitsFor("assistant-stage-edge-routes", `assistant-stage-${name}`), name);
    assert.ok(waitsFor("assistant-stage-postgres-prune", "assistant-stage-edge-routes"));
    assert.ok(!waitsFor("assistant-stage-postgres", "assistant-stage-redis"));
  });

  it("refuses bad configuration before the first resource, with every problem and its remedy", async () => {
    const bad = {
      "berth:colour": "blue",
      "berth:logLevel": "LOUD",
      "berth:services": { api: { memory: "2 GB", replicas: 0 } },
      "berth:ports": { edge: 8000, prometheus: 8000 },
      "berth:off": ["postgres"],
    };
    await assert.rejects(runProgram({ stack: "dev", config: bad }), (error: Error) => {
      for (const part of [
        "berth:colour",
        "LOUD",
        "berth:services.api.memory",
        '"2 GB"',
        "berth:services.api.replicas",
        "pulumi config set --path berth:services.api.memory",
      ])
        assert.ok(error.message.includes(part), `${part} is missing in:\n${error.message}`);
      return true;
    });
  });

  it("gives networks the addresses that the stack file names, and otherwise none of its own", async () => {
    const addresses = async (config: object) =>
      ofType(await runProgram({ stack: "dev", config: { ...config } }), NETWORK).map(
        ({ name, inputs }) => [name.replace("assistant-dev-", ""), inputs["ipamConfigs"]] as const,
      );
    assert.deepEqual(Object.fromEntries(await addresses({ "berth:subnet": "10.200.0.0/20" }))["data"], [
      { subnet: "10.200.2.0/23", gateway: "10.200.2.1" },
    ]);
    assert.ok((await addresses({})).every(([, given]) => given === undefined));
  });

  it("refuses a secret in plain text", async () => {
    await assert.rejects(
      runProgram({ stack: "dev", config: { "berth:postgresPassword": "a-password-in-plain-text" } }),
      (error: Error) =>
        /berth:postgresPassword: stands in plain text/.test(error.message) &&
        !error.message.includes("a-password-in-plain-text"),
    );
  });
});
