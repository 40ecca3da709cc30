import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { Unfinished, str, usePlugin } from "./plugin.ts";
import type { Made, Plugin, Props } from "./plugin.ts";
import { docker, exists, IMAGE, inspect, labels, unique } from "./support.ts";

describe("Container: creating", function () {
  this.timeout(60_000);
  let plugin: Plugin;
  usePlugin("docker", (started) => (plugin = started));

  const idle: Props = { image: IMAGE, labels, command: ["sleep", "600"] };
  const make = (more: Props = {}): Promise<Made> => plugin.create("Container", { ...idle, ...more });
  const failing = async (more: Props): Promise<Unfinished> => {
    const error: unknown = await make(more).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof Unfinished, `expected a container that is stored with its problem, got ${str(error)}`);
    return error;
  };

  it("3.2: defaults land in the state; zero ones stay out of the inputs", async () => {
    const { inputs, outputs } = await make({ ports: [{ internal: 80 }], healthcheck: { tests: ["NONE"] } });
    const expected = {
      start: true,
      mustRun: true,
      restart: "no",
      waitTimeout: 60,
      removeVolumes: true,
      networkMode: "bridge",
      containerReadRefreshTimeoutMilliseconds: 15_000,
    };
    for (const [name, value] of Object.entries(expected)) {
      assert.equal(inputs[name], value, `inputs.${name}`);
      assert.equal(outputs[name], value, `outputs.${name}`);
    }
    for (const name of ["attach", "logs", "wait", "rm", "readOnly", "tty", "stdinOpen", "memoryReservation"]) {
      assert.equal(name in inputs, false, `inputs.${name}`);
      assert.ok(outputs[name] === false || outputs[name] === 0, `outputs.${name}`);
    }
    const [port] = outputs["ports"] as Props[];
    assert.equal(port!["ip"], "0.0.0.0");
    assert.equal(port!["protocol"], "tcp");
    assert.ok(Number(port!["external"]) > 0, "an ephemeral port is read back");
    assert.deepEqual(outputs["healthcheck"], {
      tests: ["NONE"],
      interval: "0s",
      timeout: "0s",
      startPeriod: "0s",
      startInterval: "0s",
      retries: 0,
    });
  });

  it("2.1: an automatic name has seven hexadecimal digits and is kept until the replacement", async () => {
    const first = await plugin.check("Container", "subject", idle);
    assert.match(str(first["name"]), /^subject-[0-9a-f]{7}$/);
    assert.equal((await plugin.check("Container", "subject", idle, first))["name"], first["name"]);
    assert.notEqual((await plugin.check("Container", "subject", idle))["name"], first["name"]);
  });

  it("3.3: the image is required, and a bad value is refused by name before anything is made", async () => {
    await assert.rejects(plugin.check("Container", "subject", { labels }), /image/);
    await assert.rejects(plugin.check("Container", "subject", { ...idle, restart: "sometimes" }), /restart/);
    await assert.rejects(
      plugin.check("Container", "subject", { ...idle, uploads: [{ file: "/a", content: "a", permissions: "644" }] }),
      /permissions|0\[0-7\]/,
    );
  });

  it("3.3: an image that exists nowhere fails without leaving anything", async () => {
    await assert.rejects(
      make({ image: "localhost:1/conformance/none:1" }),
      /Unable to create container with image localhost:1/,
    );
  });

  it("3.3: networksAdvanced takes the container off the default bridge and gives it its aliases", async () => {
    const name = unique("net");
    await docker("network", "create", name);
    const { id, outputs } = await make({ networksAdvanced: [{ name, aliases: ["one", "two"] }] });
    const { NetworkSettings } = await inspect(id);
    assert.deepEqual(Object.keys(NetworkSettings.Networks), [name]);
    assert.ok(["one", "two"].every((alias) => NetworkSettings.Networks[name]!.Aliases?.includes(alias)));
    assert.equal((outputs["networkDatas"] as Props[])[0]!["networkName"], name);
    await docker("rm", "-f", id);
  });

  it("3.5: uploads are there before the start, owned by root, with the mode asked for", async () => {
    const { outputs } = await make({
      command: ["sh", "-c", "stat -c '%n %u:%g %a' /opt/a /opt/b /opt/c; cat /opt/a /opt/c; sleep 0.5"],
      attach: true,
      logs: true,
      mustRun: false,
      uploads: [
        { file: "/opt/a", content: "plain\n" },
        { file: "/opt/b", content: "#!/bin/sh\n", executable: true },
        { file: "/opt/c", contentBase64: Buffer.from("coded\n").toString("base64"), permissions: "0440" },
      ],
    });
    assert.equal(outputs["containerLogs"], "/opt/a 0:0 644\n/opt/b 0:0 744\n/opt/c 0:0 440\nplain\ncoded\n");
  });

  it("3.5: an upload needs exactly one content", async () => {
    const error = await failing({ uploads: [{ file: "/a" }] });
    assert.match(error.message, /one of 'content', 'content_base64', or 'source' must be set/);
  });

  it("A3: the engine refuses uploads into a read-only root, even onto a volume, and the container is stored unfinished", async () => {
    const volumeName = unique("vol");
    const error = await failing({
      readOnly: true,
      volumes: [{ volumeName, containerPath: "/data" }],
      uploads: [{ file: "/data/a", content: "a" }],
    });
    assert.match(error.message, /container rootfs is marked read-only/);
    assert.ok(await exists(error.made.id), "what was made is there, and known");
    assert.equal((await inspect(error.made.id)).State.Running, false);
  });

  it("A4: a container that never starts seeds a volume, readable for 1000:0 with mode 0440", async () => {
    const volumeName = unique("vol");
    const volumes = [{ volumeName, containerPath: "/etc/berth/secrets" }];
    const seed = await make({
      start: false,
      mustRun: false,
      volumes,
      uploads: [{ file: "/etc/berth/secrets/key", content: "seeded", permissions: "0440" }],
    });
    assert.equal((await inspect(seed.id)).State.Running, false);
    const reader = await make({
      // The real provider sometimes misses the last words of a process that ends at once.
      command: ["sh", "-c", "cat /etc/berth/secrets/key; echo; sleep 0.5"],
      user: "1000:0",
      readOnly: true,
      volumes: [{ ...volumes[0]!, readOnly: true }],
      attach: true,
      logs: true,
      mustRun: false,
    });
    assert.equal(reader.outputs["containerLogs"], "seeded\n");
  });

  it("A7: attach stores the output and the exit code, and a failure is no error", async () => {
    const { outputs } = await make({
      command: ["sh", "-c", "echo out; echo err >&2; sleep 0.5; exit 3"],
      attach: true,
      logs: true,
      mustRun: false,
    });
    assert.equal(outputs["exitCode"], 3);
    assert.deepEqual(str(outputs["containerLogs"]).trim().split("\n").sort(), ["err", "out"]);
  });

  it("3.3: wait ends when the container is healthy", async () => {
    const { id } = await make({
      wait: true,
      waitTimeout: 30,
      healthcheck: { tests: ["CMD", "true"], interval: "1s", timeout: "5s" },
    });
    assert.equal(await docker("inspect", "--format", "{{.State.Health.Status}}", id), "healthy");
  });

  it("A2: what does not get healthy fails at waitTimeout, stays running and is stored with its problem", async () => {
    const began = Date.now();
    const error = await failing({
      wait: true,
      waitTimeout: 3,
      healthcheck: { tests: ["CMD", "false"], interval: "1s", timeout: "1s", retries: 1 },
    });
    assert.match(error.message, /container failed to be in healthy state/);
    assert.ok(Date.now() - began >= 2_900, "unhealthy is not the end: it waits for the whole time");
    assert.equal((await inspect(error.made.id)).State.Running, true);
  });

  it("3.3: wait without a health check says so", async () => {
    const error = await failing({ wait: true });
    assert.match(error.message, /does not have a healthcheck defined/);
  });

  it("3.7: limits, capabilities and durations reach the engine in its own units", async () => {
    const { id } = await make({
      memory: 64,
      memorySwap: 96,
      memoryReservation: 32,
      shmSize: 8,
      cpus: "0.25",
      cpuShares: 256,
      capabilities: { adds: ["net_bind_service"], drops: ["ALL"] },
      init: true,
      stopTimeout: 7,
      securityOpts: ["no-new-privileges:true"],
      tmpfs: { "/tmp": "size=1m" },
      restart: "on-failure",
      maxRetryCount: 4,
      ulimits: [{ name: "nofile", soft: 100, hard: 200 }],
      hosts: [{ host: "other", ip: "10.0.0.1" }],
      healthcheck: { tests: ["CMD", "true"], interval: "1m30s" },
    });
    const { HostConfig, Config } = await inspect(id);
    const MIB = 1024 * 1024;
    const expected = {
      Memory: 64 * MIB,
      MemorySwap: 96 * MIB,
      MemoryReservation: 32 * MIB,
      ShmSize: 8 * MIB,
      NanoCpus: 250_000_000,
      CpuShares: 256,
      CapAdd: ["CAP_NET_BIND_SERVICE"],
      CapDrop: ["ALL"],
      Init: true,
      SecurityOpt: ["no-new-privileges:true"],
      Tmpfs: { "/tmp": "size=1m" },
      RestartPolicy: { Name: "on-failure", MaximumRetryCount: 4 },
      ExtraHosts: ["other:10.0.0.1"],
      Ulimits: [{ Name: "nofile", Soft: 100, Hard: 200 }],
    };
    for (const [name, value] of Object.entries(expected)) assert.deepEqual(HostConfig[name], value, name);
    assert.equal(Config.Healthcheck?.Interval, 90_000_000_000);
  });

  it("3.3: a preview makes nothing and knows what the program knows", async () => {
    const { outputs } = await plugin.create("Container", { ...idle, name: unique("preview") }, { preview: true });
    assert.equal(await exists(str(outputs["name"])), false);
    assert.deepEqual(outputs["command"], idle["command"]);
  });
});
