/**
 * Promise 3, of the operator and of the machine: what is mistaken, taken or full is said, changes nothing, and costs
 * one further bin/up.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { inAll } from "../length.ts";
import { idsBut } from "../stack/engine.ts";
import { command, docker, eventually, good, type Result } from "../stack/command.ts";
import { Project } from "../stack/project.ts";
import { provisioned } from "../stack/provisioned.ts";
import { rolesOf } from "../stack/roles.ts";
import type { Stack } from "../stack/stack.ts";
import { happened } from "../stack/steps.ts";

export function machine(stack: Stack): void {
  const { project } = stack;
  const up = (): Promise<Result> => project.script("up", project.stack);
  const ports = (): object => project.config["berth:ports"] as object;
  before(() => provisioned(stack));

  describe("a bad configuration", () => {
    it("promise 3: is one report of every problem; the engine is untouched", async () => {
      const { front } = rolesOf(stack);
      const services = project.config["berth:services"] as Record<string, object>;
      const bad = {
        "berth:colour": "blue",
        "berth:debug": "perhaps",
        "berth:ports": { ...ports(), prometheus: 8000 },
        "berth:services": { ...services, [front]: { ...services[front], memory: "2 GB", replicas: 0 } },
      };
      const objects = await project.objects();
      let refused: Result | undefined;
      const events = await happened(project, async () => {
        refused = await project.configured(bad, () => project.up());
      });
      const { code, output } = refused!;
      assert.notEqual(code, 0);
      for (const part of [
        "berth:colour",
        "berth:debug",
        `berth:services.${front}.memory`,
        `berth:services.${front}.replicas`,
        "pulumi config set",
        "Nothing was touched",
      ])
        assert.ok(output.includes(part), `${part} is missing in:\n${output}`);
      assert.doesNotMatch(output, /\bat .*\.ts:\d+/);
      assert.deepEqual(events, []);
      assert.deepEqual(await project.objects(), objects);
    });

    it("promise 3: ports that clash, a secret that is missing and services that wait for each other are refused too", async () => {
      const bad = { "berth:ports": { ...ports(), prometheus: 8000, "edge-tls": 8443 } };
      const { code, output } = await project.configured(bad, () => project.up());
      assert.notEqual(code, 0);
      const [edge, prometheus] = ["berth:ports\\.edge", "berth:ports\\.prometheus"];
      assert.match(output, new RegExp(`${prometheus}[\\s\\S]*${edge} has|${edge}[\\s\\S]*${prometheus} has`));
      const mended = project.insert("systems/stores/postgres.ts", "port: 5432,", 'after: ["postgres-roles"], ');
      const circle = await project.up();
      mended();
      assert.notEqual(circle.code, 0);
      assert.match(circle.output, /wait for each other: .*postgres/);
    });
  });

  describe("an engine that cannot be used", () => {
    const answers = ["bash", "-c", ". bin/lib.sh; engine_answers"];

    it("there is none: says so, and how to start it", async () => {
      const env = { DOCKER_HOST: "unix:///nowhere/docker.sock" };
      const { code, output } = await command(answers[0]!, answers.slice(1), { cwd: project.dir, env });
      assert.notEqual(code, 0);
      assert.match(output, /no Docker engine answers at unix:\/\/\/nowhere\/docker\.sock: start it/);
    });

    it("it permits nothing: says which group to join", async () => {
      await command("chmod", ["755", project.dir]);
      const nobody = ["--reuid=65534", "--regid=65534", "--clear-groups"];
      const env = { HOME: "/tmp", USER: "nobody" };
      const { code, output } = await command("setpriv", [...nobody, ...answers], { cwd: project.dir, env });
      assert.notEqual(code, 0);
      assert.match(output, /refuses this user: add yourself to its group \(sudo usermod -aG docker nobody/);
    });
  });

  it("promise 10: a lock that is held is respected, whoever asks; promise 7: the run that holds it touches one service", async () => {
    const { inner } = rolesOf(stack);
    const may = project.known.withFollowers([inner]);
    const [before, others] = [await project.containers(inner), await idsBut(project, may)];
    project.environment(inner, { ROUND: "held" });
    const locks = join(project.dir, ".state/.pulumi/locks/organization/berth", project.stack);
    const isHeld = () => existsSync(locks) && readdirSync(locks).some((file) => file.endsWith(".json"));
    const plain = project.up();
    await eventually(() => Promise.resolve(assert.ok(isHeld())));
    const { code, output } = await up();
    assert.notEqual(code, 0);
    assert.match(output, /is being changed by process \d+ of .*: wait for it/);
    await good(plain);
    // Promise 7: it replaces the service and what names its containers, and nothing else.
    assert.notDeepEqual(await project.containers(inner), before);
    assert.deepEqual(await idsBut(project, may), others);
  });

  it("promise 10: a checkout that does not know what runs removes nothing", async () => {
    const portOffset = Number(project.config["berth:portOffset"]);
    const other = new Project({ stack: project.stack, portOffset });
    await other.create();
    const before = await project.objects();
    const { code, output } = await other.script("up", project.stack);
    // Not by its own `remove`, which would remove the stack.
    rmSync(other.dir, { recursive: true });
    assert.notEqual(code, 0);
    assert.match(output, /another checkout made them/);
    assert.deepEqual(await project.objects(), before);
  });

  // The run after it is that of the next test.
  it("promise 3: a disk that is full while building: is named, with the way out, and nothing changes", async () => {
    const before = await project.containers();
    // /dev/full refuses every byte as a full disk does.
    const line = "RUN dd if=/dev/zero of=/dev/full bs=1 count=1\n";
    const freed = project.insert("services/edge/Dockerfile", "USER 101:0", line);
    const { code, output } = await up();
    freed();
    assert.notEqual(code, 0);
    assert.match(output, /No space left on device/i);
    assert.match(output, /way out: the engine's disk is full/);
    assert.deepEqual(await project.containers(), before);
  });

  it("promise 3: a port that another program holds: bin/up names the key and the port, plain pulumi the port", async () => {
    const port = 9099 + Number(project.config["berth:portOffset"]);
    const server = createServer().listen(port, "127.0.0.1");
    await once(server, "listening");
    project.configure({ "berth:ports": { ...ports(), prometheus: 9099 } });
    const refused = await up();
    // Plain pulumi finds out from the engine, later.
    const plain = await project.up();
    await new Promise((resolve) => server.close(resolve));
    assert.notEqual(refused.code, 0);
    const words = `berth:ports\\.prometheus: port ${port} is held by another program`;
    assert.match(refused.output, new RegExp(words));
    assert.notEqual(plain.code, 0);
    assert.ok(plain.output.includes(String(port)), plain.output);
  });

  it("promise 3, promise 10: the next bin/up goes through; of two at once the second waits, and finds nothing to do", async () => {
    const both = await Promise.all([up(), up()]);
    for (const { code, output } of both) assert.equal(code, 0, output);
    const wait = new RegExp(`another run is at work on stack ${project.stack}: waiting`);
    const waited = both.filter(({ output }) => wait.test(output));
    assert.equal(waited.length, 1);
    assert.match(waited[0]!.output, /Resources:\s+\d+ unchanged\s/);
    await project.assertDeclared();
  });

  inAll("promise 3: a host port passes from one service to another in one update, and two are swapped", async () => {
    const offset = Number(project.config["berth:portOffset"]);
    const untouched = await idsBut(project, ["prometheus", "alertmanager"]);
    for (const [prometheus, alertmanager] of [
      [9098, 9099],
      [9099, 9098],
    ] as const) {
      project.configure({ "berth:ports": { ...ports(), prometheus, alertmanager } });
      await good(project.up());
      for (const [service, port] of Object.entries({ prometheus, alertmanager }))
        assert.match(await docker("port", await project.container(service)), new RegExp(`:${port + offset}$`));
    }
    assert.deepEqual(await idsBut(project, ["prometheus", "alertmanager"]), untouched);
    await project.assertDeclared();
  });
}
