/** Stacks on one engine have nothing in common, and no way to each other. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { TOOLS } from "../../stack/engine.ts";
import { docker } from "../../stack/command.ts";
import type { Project } from "../../stack/project.ts";
import { addressOn, at, reached } from "../../stack/reach.ts";
import { assistant } from "../../systems/assistant/driver.ts";
import { atPortOf, type Three } from "./three.ts";

export function nothingShared(three: Three): void {
  it("PA-20, PA-27: no name of a container, network or volume", async () => {
    const all = (await Promise.all(three.all.map((project) => project.objects()))).flat();
    const services = three.all.flatMap(({ known }) => known.plan.services);
    assert.ok(all.length > services.length, String(all.length));
    assert.equal(new Set(all).size, all.length);
  });

  it("PA-20: every container is on networks, and has volumes, of its own stack only", async () => {
    const networks = "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}} {{end}}";
    const volumes = '{{range .Mounts}}{{if eq .Type "volume"}}{{.Name}} {{end}}{{end}}';
    for (const project of three.all) {
      const own = new Set((await project.objects()).map((object) => object.split(" ")[1]!));
      for (const name of (await project.containers()).keys()) {
        const used = (await docker("inspect", "--format", networks + volumes, name))
          .split(" ")
          .filter((part) => part && part !== "none");
        // A volume without a label is an image's own; its name is 64 digits.
        for (const part of used) assert.ok(own.has(part) || /^[0-9a-f]{64}$/.test(part), `${name} uses ${part}`);
      }
    }
  });

  it("PA-37, PA-39: no environment variable and no label names another environment", async () => {
    for (const project of three.all) {
      const { environment } = project.plan();
      const foreign = three.others(project).flatMap((other) => [other.stack, other.plan().database!]);
      for (const name of (await project.containers()).keys()) {
        const { Env, Labels } = JSON.parse(await docker("inspect", "--format", "{{json .Config}}", name)) as {
          Env: string[] | null;
          Labels: Record<string, string>;
        };
        assert.deepEqual([Labels["berth.stack"], Labels["berth.environment"]], [project.stack, environment], name);
        for (const line of Env ?? []) {
          for (const word of foreign) assert.ok(!line.includes(word), `${name}: ${line}`);
          if (line.startsWith("APP_ENV=")) assert.equal(line, `APP_ENV=${environment}`, name);
          if (environment !== "dev") assert.doesNotMatch(line, /^(DEBUG|RELOAD)=true|^DEBUG_PORT=/, name);
        }
      }
    }
  });

  it("PA-24: each has a database of another name, and none of the others'", async () => {
    const sql = "SELECT datname FROM pg_database WHERE datname LIKE 'pa\\_%'";
    for (const project of three.all) {
      const container = await project.container("postgres");
      const databases = await docker("exec", container, "psql", "-qAtX", "-U", "postgres", "-c", sql);
      assert.equal(databases, project.plan().database);
    }
  });

  it("PA-40: no secret of one in the state, nor on a volume, of another", async () => {
    const ofEach = async (read: (project: Project) => Promise<string>): Promise<(project: Project) => string> => {
      const texts = await Promise.all(three.all.map(read));
      return (project) => texts[three.all.indexOf(project)]!;
    };
    const [exported, volumes] = [await ofEach(plainState), await ofEach(secretFiles)];
    for (const project of three.all) {
      const { stack } = project;
      const secrets = passwordsIn(exported(project));
      assert.ok(secrets.length >= 6, `${stack}: ${secrets.length} secrets`);
      for (const [n, secret] of secrets.entries()) {
        // By number: a message must not show what it is about.
        assert.ok(exported(project).includes(secret), `control: secret ${n} of ${stack} is in its own state`);
        for (const other of three.others(project)) {
          assert.ok(!exported(other).includes(secret), `secret ${n} of ${stack} is in the state of ${other.stack}`);
          assert.ok(!volumes(other).includes(secret), `secret ${n} of ${stack} is on a volume of ${other.stack}`);
        }
      }
      assert.ok(
        secrets.some((secret) => volumes(project).includes(secret)),
        `control: no secret of ${stack} is on its own volumes`,
      );
    }
  });
}

export function noWay(three: Three): void {
  for (const project of three.all)
    it(`from ${project.stack}, and inside it the same attempt succeeds`, async () => {
      const foreign = (await Promise.all(three.others(project).map(doors))).flat();
      assert.ok(foreign.length > 12, foreign.join(", "));
      for (const [service, from] of await viewpoints(project)) {
        // Itself it must reach, in the same breath: on a machine with too much to do nothing else tells a refusal from
        // an attempt that was never made.
        const itself = (await atPortOf(project, service, from)).sort();
        const found = await reached(from, [...foreign, ...itself]);
        assert.deepEqual(found, itself, `what ${from} reaches of itself and other stacks`);
      }
      const [front] = await project.running(project.known.behind(assistant.paths.light).name);
      const database = [await databaseOf(project)];
      assert.deepEqual(await reached(front!, database), database);
    });

  it("nor by name", async () => {
    const { known } = three.dev;
    const [from] = await three.dev.running(known.behind(assistant.paths.light).name);
    const names = async (of: Project) =>
      Promise.all(
        ["edge", "postgres"].map(async (service) => `${await of.container(service)}:${known.service(service).port}`),
      );
    const [foreign, own] = [await names(three.prod), await names(three.dev)];
    assert.deepEqual(await reached(from!, [...foreign, ...own]), own);
  });
}

/** The whole state, secrets in clear: it stays in this process's memory. */
async function plainState({ dir, stack, env }: Project): Promise<string> {
  const { stdout } = await promisify(execFile)("pulumi", ["stack", "export", "--show-secrets", "--stack", stack], {
    cwd: dir,
    env: { ...process.env, ...env },
    maxBuffer: 1 << 28,
  });
  return stdout;
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

/** What stands on the volumes that carry a stack's files, secrets among them. */
async function secretFiles(project: Project): Promise<string> {
  const volumes = (await project.objects()).flatMap(
    (object) => /^volume (\S+-files-[0-9a-f]{7})$/.exec(object)?.[1] ?? [],
  );
  assert.ok(volumes.length >= 6, volumes.join(", "));
  const mounts = volumes.flatMap((volume) => ["--volume", `${volume}:/v/${volume}:ro`]);
  const as = ["--rm", "--user", "0:0", "--network", "none", ...mounts, "--entrypoint", "sh"];
  return docker("run", ...as, TOOLS, "-c", "find /v -type f -exec cat {} +");
}

/** Every address of a stack at which something listens. */
async function doors(project: Project): Promise<string[]> {
  const containers = await project.byService();
  const listening = project
    .plan()
    .services.flatMap(({ name, port }) =>
      port === undefined ? [] : (containers[name] ?? []).map((container) => at(container, port)),
    );
  return (await Promise.all(listening)).flat();
}

/** A service with a port, and a container of it, for each place in the networks that one can have. */
async function viewpoints(project: Project): Promise<(readonly [service: string, container: string])[]> {
  const containers = await project.byService();
  const places = new Map<string, readonly [string, string]>();
  for (const { name, port, networks } of project.plan().services) {
    const [container] = containers[name] ?? [];
    const place = [...networks].sort().join(" ");
    if (port !== undefined && container !== undefined && !places.has(place)) places.set(place, [name, container]);
  }
  assert.ok(places.size >= 5, [...places.keys()].join(", "));
  return [...places.values()];
}

/** The database, where applications reach it. */
async function databaseOf(project: Project): Promise<string> {
  const address = await addressOn(await project.container("postgres"), "data");
  return `${address}:${project.known.service("postgres").port}`;
}
