/**
 * Promise 4: a whole release comes back, with image, environment, files, secret, limit and routes, under load, without
 * a registry.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { command, docker, eventually, good, type Result } from "../stack/command.ts";
import { provisioned } from "../stack/provisioned.ts";
import { type Roles, rolesOf } from "../stack/roles.ts";
import type { Stack } from "../stack/stack.ts";

interface Inspected {
  readonly Image: string;
  readonly Name: string;
  readonly Config: { readonly Env: readonly string[]; readonly Cmd: readonly string[] };
  readonly HostConfig: { readonly Memory: number; readonly NanoCpus: number };
  readonly Mounts: readonly { readonly Destination: string; readonly RW: boolean }[];
}

/** Files of a container, but for what is its own: made-up ends of names, and versions of roles and releases. */
async function filesOf({ Name, Mounts }: Inspected): Promise<string> {
  const folders = Mounts.filter(({ RW }) => !RW).map(({ Destination }) => Destination);
  if (folders.length === 0) return "";
  const all = `for f in $(find ${folders.sort().join(" ")} -type f | sort); do echo "$f"; cat "$f"; done`;
  const files = await docker("exec", Name.slice(1), "sh", "-c", all);
  const plain = files
    .replace(/-[0-9a-f]{7}\b/g, "")
    .replace(/app_[0-9a-f]{8}/g, "app")
    .replace(/release [0-9a-f]+/g, "release");
  return createHash("sha256").update(plain).digest("hex");
}

export function rollback(stack: Stack): void {
  const { project, driver } = stack;
  const stackFile = (): string => project.read(`Pulumi.${project.stack}.yaml`);
  const exists = async (image: string): Promise<boolean> =>
    (await command("docker", ["image", "inspect", image])).code === 0;
  const idOf = (image: string): Promise<string> => docker("image", "inspect", "--format", "{{.Id}}", image);
  const release = (task: string): Promise<Result> =>
    good(command("node", ["bin/release.ts", task, project.stack], { cwd: project.dir, env: project.env }));
  const releases = async (): Promise<string> => (await good(project.script("releases", project.stack))).output;
  const kept = (): number[] =>
    readdirSync(join(project.dir, ".state/releases", project.stack))
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .sort((a, b) => a - b);

  let roles: Roles;
  /** What a release of the applications replaces. */
  let services: readonly string[];
  let source: string;
  /** Tag by which the image of a release is kept. */
  const image = (n: number): string => `berth-release/${roles.plan.system}/${project.stack}/${roles.image}:${n}`;

  /** What runs of these services, by all that a release is made of. */
  async function running(): Promise<Record<string, unknown>> {
    const of = async (service: string): Promise<[string, unknown]> => {
      const containers = JSON.parse(await docker("inspect", ...(await project.running(service)))) as Inspected[];
      const parts = containers.map(async (container) => ({
        image: container.Image,
        environment: [...container.Config.Env].sort(),
        command: container.Config.Cmd,
        memory: container.HostConfig.Memory,
        cpus: container.HostConfig.NanoCpus,
        files: await filesOf(container),
      }));
      return [service, await Promise.all(parts)];
    };
    return Object.fromEntries(await Promise.all(services.map(of)));
  }

  interface Kept {
    readonly number: number;
    readonly image: string;
    readonly runs: Record<string, unknown>;
    readonly file: string;
  }
  const current = async (number: number): Promise<Kept> => ({
    number,
    image: await idOf(image(number)),
    runs: await running(),
    file: stackFile(),
  });
  let first: Kept;
  let second: Kept;

  before(async () => {
    await provisioned(stack);
    roles = rolesOf(stack);
    services = project.known.withFollowers(project.known.running(roles.image));
    source = driver.sources[roles.image]!;
    await inGit();
    for (const task of ["take", "keep"]) await release(task);
    first = await current(Math.max(...kept()));
  });

  /**
   * Releases say of which commit they are. This one is empty: an image says of which commit its folder is, and none may
   * change by this.
   */
  async function inGit(): Promise<void> {
    const author = ["-c", "user.name=e2e", "-c", "user.email=e2e@example.org", "-c", "commit.gpgsign=false"];
    const git = (...args: string[]) => good(command("git", [...author, ...args], { cwd: project.dir }));
    if (!existsSync(join(project.dir, ".git"))) await git("init", "--quiet");
    await git("commit", "--quiet", "--allow-empty", "--message", "first");
  }

  it("promise 4: there is something to come back to: the second release changes everything", async () => {
    const { front } = roles;
    const system = `systems/${driver.system}/index.ts`;
    project.edit(source, (text) => `${text}# the second release\n`);
    project.edit("edge/nginx.conf", (text) => text.replace("client_max_body_size 10m", "client_max_body_size 9m"));
    // A route: how long an answer may take.
    project.edit(system, (text) => text.replace(/(route: \{ public: [^}]*?) \}/, "$1, readTimeout: 45 }"));
    await project.setSecret("postgresPassword", "the-second-password-0123456789");
    project.environment(front, { NOTE: "second" });
    project.set(front, { memory: "640MiB" });
    await good(project.script("up", project.stack));
    second = await current(first.number + 1);
    // Negative control: the comparison sees every service that changed, and the routes.
    for (const service of services) assert.notDeepEqual(second.runs[service], first.runs[service], service);
    const list = await releases();
    assert.match(list, new RegExp(`^\\* ${second.number} {2}.* UTC {2}\\S+ {2}[0-9a-f]{7,}\\+$`, "m"));
    for (const part of ["berth:postgresPassword", "berth:services", "edge/nginx.conf", source, system])
      assert.ok(list.includes(part), `${part}:\n${list}`);
    assert.ok(list.includes(`image ${roles.image}`), list);
    assert.doesNotMatch(list, /-password-/);
  });

  it("promise 4: all of it comes back under load, and no request fails", async () => {
    let output = "";
    await stack.lossless(
      async () => {
        output = (await good(project.script("rollback", project.stack))).output;
      },
      { share: 0.25, slow: 5 },
    );
    assert.deepEqual(await running(), first.runs);
    assert.equal(stackFile(), first.file);
    const said = `runs release ${first.number} .*[\\s\\S]*It differs in:[\\s\\S]*edge/nginx\\.conf`;
    assert.match(output, new RegExp(said));
    assert.match(await releases(), new RegExp(`^\\* ${first.number} `, "m"));
  });

  it("promise 6: what came back is no difference, though this checkout would make other images of it", async () => {
    const { code, output } = await project.script("drift", project.stack);
    assert.equal(code, 0, output);
    assert.match(output, /and its engine agree\nthis checkout is not what stack \S+ runs \(.*\d+ to replace\)/);
  });

  it("promise 4: the images of what is kept stay, and the sixth release is forgotten", async () => {
    const title = `label=org.opencontainers.image.title=berth ${roles.image}`;
    await docker("image", "prune", "--force", "--filter", title);
    for (const { number } of [first, second]) assert.ok(await exists(image(number)), String(number));
    project.edit(source, (text) => text.replace("# the second release", "# the third release"));
    await good(project.script("up", project.stack));
    for (let n = 4; n <= 6; n += 1) {
      writeFileSync(join(project.dir, "NOTES"), String(n));
      for (const task of ["take", "keep"]) await release(task);
    }
    const numbers = [0, 1, 2, 3, 4].map((n) => second.number + n);
    assert.deepEqual(kept(), numbers);
    assert.ok(!(await exists(first.image)), "the image of the sixth is still there");
    for (const number of numbers) assert.ok(await exists(image(number)), String(number));
  });

  it("promise 4: an up that changes nothing is no release", async () => {
    for (const task of ["take", "keep"]) await release(task);
    assert.match(await releases(), new RegExp(`^\\* ${second.number + 4} `, "m"));
  });

  it("promise 4: what cannot come back is refused, and nothing is touched (negative control)", async () => {
    await docker("image", "rm", image(second.number));
    assert.ok(!(await exists(second.image)));
    const before = await project.containers();
    const gone = `release ${second.number} cannot come back: its image ${roles.image} \\(sha256:[0-9a-f]{64}\\) is no longer`;
    const numbers = kept().reverse().join(", ");
    for (const [number, why] of [
      [second.number, new RegExp(`${gone} on the engine`)],
      [first.number, new RegExp(`release ${first.number} .* is not kept\\. Kept: ${numbers}`)],
    ] as const) {
      const { code, output } = await project.script("rollback", project.stack, String(number));
      assert.notEqual(code, 0);
      assert.match(output, why);
      assert.doesNotMatch(output, /\bat .*\.ts:\d+/);
    }
    assert.deepEqual(await project.containers(), before);
    await eventually(() => stack.isReady());
  });
}
