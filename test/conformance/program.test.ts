import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { after, afterEach, before, beforeEach, describe, it } from "mocha";
import { str } from "./plugin.ts";
import { docker, events, inspect, LABEL, Project, sweep } from "./support.ts";

/**
 * What only the whole shows: the order of steps, what the state keeps, what a second run does. Through the real CLI.
 */
describe("a program", function () {
  this.timeout(180_000);
  let project: Project;
  before(sweep);
  after(sweep);
  beforeEach(() => {
    project = new Project();
  });
  afterEach(() => project.end());

  const ok = ({ ok: good, output }: { ok: boolean; output: string }): string => {
    assert.ok(good, output);
    return output;
  };
  const running = async (): Promise<string[]> =>
    (await docker("ps", "-q", "--no-trunc", "--filter", `label=${LABEL}`)).split("\n").filter(Boolean);

  const web = (options: string, more = "", release = "1"): string => `
    const healthy = ["CMD", "true"], broken = ["CMD", "false"];
    new docker.Container("conformance-web", {
      image: IMAGE, labels, command: ["sleep", "600"], envs: ["RELEASE=${release}"], init: true, wait: true, waitTimeout: 3, destroyGraceSeconds: 1,
      healthcheck: { tests: healthy, interval: "1s", timeout: "2s", retries: 1 }, ${more}
    }, ${options});`;

  it("A1: by default the old container is deleted before the new one is made; deleteBeforeReplace: false turns that round", async () => {
    const order = async (options: string): Promise<string[]> => {
      project.program(web(options, "", "1"));
      ok(await project.up());
      const since = Date.now();
      project.program(web(options, "", "2"));
      ok(await project.up());
      return (await events(since))
        .filter(({ kind, action }) => kind === "container" && (action === "create" || action === "destroy"))
        .map(({ action }) => action);
    };
    await project.start(web("{}"));
    assert.deepEqual(await order("{}"), ["destroy", "create"]);
    assert.deepEqual(await order("{ deleteBeforeReplace: false }"), ["create", "destroy"]);
  });

  it("A2/A19: a bad release fails and the old one stays; applied again it only fails again with #initerror; the next good one leaves nothing behind", async () => {
    const bad = `healthcheck: { tests: broken, interval: "1s", timeout: "2s", retries: 1 },`;
    const options = `{ deleteBeforeReplace: false, replaceOnChanges: ["#initerror"] }`;
    // With entrypoints of its own: only then is the trap open (see the next test).
    const own = `entrypoints: ["sleep"], command: ["600"],`;
    await project.start(web(options, own));
    ok(await project.up());
    const [old] = await running();
    for (const attempt of [1, 2]) {
      project.program(web(options, own + bad, "2"));
      const { ok: good, output } = await project.up();
      assert.equal(good, false, `attempt ${attempt} succeeded`);
      assert.match(output, /container failed to be in healthy state/);
      assert.ok((await running()).includes(old!), "the old release serves on");
    }
    project.program(web(options, own, "3"));
    ok(await project.up());
    const left = await running();
    assert.equal(left.length, 1);
    assert.notEqual(left[0], old);
    assert.ok((await inspect(left[0]!)).Config.Env.includes("RELEASE=3"));
  });

  it("A19: without #initerror the second run of a bad release reports success with an unhealthy container", async () => {
    const bad = `entrypoints: ["sleep"], command: ["600"], healthcheck: { tests: broken, interval: "1s", timeout: "2s", retries: 1 },`;
    await project.start(web("{ deleteBeforeReplace: false }", bad));
    assert.equal((await project.up()).ok, false);
    const { initErrors, id } = await project.resource("conformance-web");
    assert.match(str(initErrors), /container failed to be in healthy state/);
    ok(await project.up());
    assert.equal(await docker("inspect", "--format", "{{.State.Health.Status}}", id!), "unhealthy");
  });

  it("A19: without entrypoints of its own an unfinished container is replaced by the next run, which fails again", async () => {
    const bad = `healthcheck: { tests: broken, interval: "1s", timeout: "2s", retries: 1 },`;
    await project.start(web("{ deleteBeforeReplace: false }", bad));
    assert.equal((await project.up()).ok, false);
    const first = (await project.resource("conformance-web")).id;
    assert.equal((await project.up()).ok, false);
    assert.notEqual((await project.resource("conformance-web")).id, first);
  });

  /** The shape of this project: a network, a secret seeded into a volume, a consumer that waits for its health. */
  const system = (
    secret = `new random.RandomPassword("conformance-secret", { length: 32 }).result`,
    memory = 64,
  ): string => `
    import { createHmac } from "node:crypto";
    const secret = ${secret};
    const key = new random.RandomPassword("conformance-key", { length: 32 }).result;
    const version = pulumi.unsecret(pulumi.all([key, secret]).apply(([key, text]) => createHmac("sha256", key).update(text).digest("hex")));
    const network = new docker.Network("conformance-network", { labels });
    const volume = new docker.Volume("conformance-volume", { labels: version.apply((value) => [...labels, { label: "version", value }]) }, { deleteBeforeReplace: false });
    const seed = new docker.Container("conformance-seed", {
      image: IMAGE, labels, start: false, mustRun: false, volumes: [{ volumeName: volume.name, containerPath: "/etc/berth/secrets" }],
      uploads: [{ file: "/etc/berth/secrets/key", content: secret, permissions: "0440" }],
    });
    const consumer = new docker.Container("conformance-consumer", {
      image: IMAGE, labels, command: ["sleep", "600"], user: "1000:0", readOnly: true, wait: true, waitTimeout: 20, destroyGraceSeconds: 1, init: true,
      networksAdvanced: [{ name: network.name, aliases: ["consumer"] }], volumes: [{ volumeName: volume.name, containerPath: "/etc/berth/secrets", readOnly: true }],
      memory: ${memory}, memorySwap: ${memory}, cpus: "0.5", logDriver: "json-file", logOpts: { "max-size": "1m", "max-file": "2" }, stopTimeout: 5,
      securityOpts: ["no-new-privileges:true"], capabilities: { drops: ["ALL"] }, tmpfs: { "/tmp": "size=1m" }, restart: "unless-stopped",
      healthcheck: { tests: ["CMD", "test", "-s", "/etc/berth/secrets/key"], interval: "1s", timeout: "2s" },
    }, { dependsOn: [seed], deleteBeforeReplace: false });
    export const name = consumer.name;
    export const revealed = secret;`;

  it("A6: up, up, refresh, up and preview again: nothing changes after the first", async () => {
    await project.start(system());
    ok(await project.up());
    const since = Date.now();
    assert.match(ok(await project.up()), /7 unchanged/);
    assert.match(ok(await project.refresh()), /7 unchanged/);
    assert.match(ok(await project.up()), /7 unchanged/);
    ok(await project.preview("--expect-no-changes"));
    assert.deepEqual(await events(since), []);
  });

  it("A5/2.10: a secret reaches the consumer and is in no output, no log and no state, as a whole array", async () => {
    const canary = `canary-${crypto.randomUUID()}`;
    await project.start(system(`pulumi.secret("${canary}")`));
    const shown = ok(await project.preview("--diff")) + ok(await project.up("--diff")) + ok(await project.up("--diff"));
    assert.ok(!shown.includes(canary), "on the screen");
    assert.ok(!JSON.stringify(await project.state()).includes(canary), "in the state");
    const seed = await project.resource("conformance-seed");
    for (const side of [seed.inputs, seed.outputs])
      assert.ok("4dabf18193072939515e22adb298388d" in (side["uploads"] as object), "the whole of uploads");
    const { id } = await project.resource("conformance-consumer");
    assert.equal(await docker("exec", id!, "cat", "/etc/berth/secrets/key"), canary);
    assert.ok(!(await docker("inspect", id!, str(seed.id))).includes(canary), "in the inspection");
    const next = `canary-${crypto.randomUUID()}`;
    project.program(system(`pulumi.secret("${next}")`));
    ok(await project.up());
    const rotated = await project.resource("conformance-consumer");
    assert.notEqual(rotated.id, id, "a rotation replaces its consumer");
    assert.equal(await docker("exec", rotated.id!, "cat", "/etc/berth/secrets/key"), next);
    const volumes = (await docker("volume", "ls", "-q", "--filter", `label=${LABEL}`)).split("\n");
    assert.equal(volumes.length, 1, `the old volume is gone: ${volumes.join(" ")}`);
  });

  it("2.6: a secret does not show when its container cannot be made", async () => {
    const canary = `canary-${crypto.randomUUID()}`;
    await project.start(`new docker.Container("conformance-web", { image: IMAGE, labels, readOnly: true, command: ["true"],
      envs: [pulumi.interpolate\`KEY=\${pulumi.secret("${canary}")}\`], uploads: [{ file: "/a", content: pulumi.secret("${canary}") }] });`);
    const { ok: good, output } = await project.up("--diff");
    assert.equal(good, false);
    assert.match(output, /rootfs is marked read-only/);
    assert.ok(!output.includes(canary), output);
    assert.ok(!JSON.stringify(await project.state()).includes(canary));
  });

  it("6: a preview touches nothing and shows what the update then does", async () => {
    await project.start(system());
    const since = Date.now();
    assert.match(ok(await project.preview()), /\+ 7 to create/);
    assert.deepEqual(await events(since), []);
    ok(await project.up());
    const then = Date.now();
    project.program(system(undefined, 96));
    assert.match(ok(await project.preview()), /~ 1 to update/);
    assert.deepEqual(await events(then), []);
    const { id } = await project.resource("conformance-consumer");
    assert.match(ok(await project.up()), /~ 1 updated/);
    assert.equal((await project.resource("conformance-consumer")).id, id);
    assert.equal((await inspect(id!)).HostConfig["Memory"], 96 * 1024 * 1024);
  });

  it("3.6: drift is seen by a refresh and repaired by one run: a removed container, a stopped one", async () => {
    await project.start(system());
    ok(await project.up());
    const { id } = await project.resource("conformance-consumer");
    await docker("stop", "-t", "0", id!);
    assert.match(
      ok(await project.pulumi("up", "--yes", "--skip-preview", "--refresh", "--stack", "dev")),
      /~ 1 updated/,
    );
    assert.equal((await inspect(id!)).State.Running, true);
    await docker("rm", "-f", id!);
    assert.match(ok(await project.refresh()), /- 1 deleted/);
    assert.match(ok(await project.up()), /\+ 1 created/);
    assert.notEqual((await project.resource("conformance-consumer")).id, id);
  });

  it("an interruption while a container is waited for stores it, and the next run goes on", async () => {
    const options = `{ replaceOnChanges: ["#initerror"] }`;
    await project.start(
      web(options, `waitTimeout: 60, healthcheck: { tests: broken, interval: "1s", retries: 100 },`).replace(
        "waitTimeout: 3,",
        "",
      ),
    );
    const { command, args, ...settings } = project.command("up", "--yes", "--skip-preview", "--stack", "dev");
    const child = spawn(command, args, { ...settings, stdio: "ignore" });
    while ((await running()).length === 0) await new Promise((resolve) => setTimeout(resolve, 200));
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const ended = new Promise((resolve) => child.on("exit", resolve));
    child.kill("SIGINT");
    assert.notEqual(await ended, 0);
    const [made] = await running();
    assert.equal((await project.resource("conformance-web")).id, made);
    project.program(web(options));
    ok(await project.up());
    const left = await running();
    assert.equal(left.length, 1);
    assert.notEqual(left[0], made);
  });
});
