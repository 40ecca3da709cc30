import assert from "node:assert/strict";
import { describe, it } from "mocha";
import { Unfinished, str, usePlugin } from "./plugin.ts";
import type { Made, Plugin, Props } from "./plugin.ts";
import { docker, events, exists, IMAGE, inspect, labels, unique } from "./support.ts";

describe("Container: its life", function () {
  this.timeout(60_000);
  let plugin: Plugin;
  usePlugin("docker", (started) => (plugin = started));

  const idle: Props = { image: IMAGE, labels, command: ["sleep", "600"], init: true };
  /** Says that it has set its trap, then ends two seconds after SIGTERM, with 0. */
  const slow: Props = {
    ...idle,
    command: ["sh", "-c", "trap 'sleep 2; exit 0' TERM; echo ready; while :; do sleep 0.1; done"],
  };
  const make = (inputs: Props): Promise<Made> => plugin.create("Container", inputs);
  const MIB = 1024 * 1024;

  describe("updates", () => {
    it("3.1: limits and the restart policy are applied in place", async () => {
      const made = await make({ ...idle, memory: 64, memorySwap: 64 });
      const after = await plugin.update("Container", made, {
        ...idle,
        memory: 96,
        memorySwap: 96,
        cpuShares: 256,
        restart: "on-failure",
        maxRetryCount: 2,
      });
      const { HostConfig, Id } = await inspect(made.id);
      assert.equal(Id, made.id);
      assert.deepEqual([HostConfig["Memory"], HostConfig["CpuShares"]], [96 * MIB, 256]);
      assert.deepEqual(HostConfig["RestartPolicy"], { Name: "on-failure", MaximumRetryCount: 2 });
      assert.equal(after.outputs["memory"], 96);
    });

    it("3.1: a limit cannot be taken off in place", async () => {
      const made = await make({ ...idle, memory: 64, memorySwap: 64 });
      await plugin.update("Container", made, idle);
      assert.equal((await inspect(made.id)).HostConfig["Memory"], 64 * MIB);
    });

    it("3.1/2.8: health check, tmpfs, init and mount edits change the state alone, and a refresh shows the old ones again", async () => {
      const mounts = [{ type: "volume", source: unique("vol"), target: "/mounted" }];
      const before: Props = {
        ...idle,
        mounts,
        tmpfs: { "/scratch": "size=1m" },
        healthcheck: { tests: ["CMD", "true"], interval: "1s" },
      };
      const edited: Props = {
        ...idle,
        init: false,
        mounts: [{ ...mounts[0]!, readOnly: true }],
        tmpfs: { "/scratch": "size=2m" },
        healthcheck: { tests: ["CMD", "false"], interval: "2s" },
      };
      const made = await make(before);
      const engine = async (): Promise<unknown> => {
        const { HostConfig, Config } = await inspect(made.id);
        return [HostConfig["Init"], HostConfig["Mounts"], HostConfig["Tmpfs"], Config.Healthcheck];
      };
      const was = await engine();
      const updated = await plugin.update("Container", made, edited);
      assert.deepEqual(await engine(), was);
      assert.equal((updated.outputs["healthcheck"] as Props)["interval"], "2s");
      assert.equal((await plugin.diff("Container", updated, edited)).verdict, "none", "the next up believes it");
      const found = await plugin.read("Container", updated);
      assert.equal((found!.outputs["healthcheck"] as Props)["interval"], "1s");
      assert.deepEqual(found!.outputs["tmpfs"], { "/scratch": "size=1m" });
      assert.equal((await plugin.diff("Container", found!, edited)).verdict, "update");
    });

    it("A19: an unfinished container with entrypoints of its own is only updated, which does nothing and succeeds", async () => {
      const bad: Props = {
        ...idle,
        entrypoints: ["sleep"],
        command: ["600"],
        wait: true,
        waitTimeout: 1,
        healthcheck: { tests: ["CMD", "false"], interval: "1s", retries: 1 },
      };
      const { made } = await make(bad).then(
        () => assert.fail("was healthy"),
        (error: { made: Made }) => error,
      );
      const { verdict, detail } = await plugin.diff("Container", made, bad);
      assert.equal(verdict, "update");
      assert.deepEqual(detail, { networkDatas: "add" });
      const since = Date.now();
      await plugin.update("Container", made, bad);
      assert.deepEqual(
        (await events(since)).filter(({ id }) => id === made.id),
        [],
      );
    });
  });

  describe("updates that fail", () => {
    it("A19: an unfinished container without entrypoints of its own is replaced", async () => {
      const bad: Props = {
        ...idle,
        wait: true,
        waitTimeout: 1,
        healthcheck: { tests: ["CMD", "false"], interval: "1s", retries: 1 },
      };
      const { made } = await make(bad).then(
        () => assert.fail("was healthy"),
        (error: { made: Made }) => error,
      );
      const { replaces } = await plugin.diff("Container", made, bad);
      assert.deepEqual(replaces, ["entrypoints"]);
    });

    it("2.6: an update that the engine refuses is stored as planned, with its problem", async () => {
      const made = await make({ ...idle, memory: 64, memorySwap: 64 });
      const error: unknown = await plugin
        .update("Container", made, { ...idle, memory: 1, memorySwap: 64 })
        .catch((reason: unknown) => reason);
      assert.ok(error instanceof Unfinished, str(error));
      assert.match(error.message, /Minimum memory limit/);
      assert.equal(error.made.outputs["memory"], 1);
    });
  });

  describe("reading", () => {
    it("3.6: a container that is gone is gone from the state", async () => {
      const made = await make(idle);
      await docker("rm", "-f", made.id);
      assert.equal(await plugin.read("Container", made), undefined);
    });

    it("3.3: one that stopped and must run is a difference, and the update starts it again", async () => {
      const made = await make(idle);
      await docker("kill", made.id);
      const found = await plugin.read("Container", made);
      assert.equal(found!.outputs["mustRun"], false);
      assert.equal(found!.outputs["exitCode"], 137);
      assert.equal((await plugin.diff("Container", found!, idle)).verdict, "update");
      await plugin.update("Container", found!, idle);
      assert.equal((await inspect(made.id)).State.Running, true);
    });

    it("3.3: one that stopped and need not run is no difference", async () => {
      const once: Props = { ...idle, command: ["true"], mustRun: false, attach: true };
      const made = await make(once);
      const found = await plugin.read("Container", made);
      assert.equal((await plugin.diff("Container", found!, once)).verdict, "none");
    });

    it("3.6: drift of a limit is seen after a refresh, and repaired", async () => {
      const inputs: Props = { ...idle, memory: 64, memorySwap: 64 };
      const made = await make(inputs);
      await docker("update", "--memory", "80m", "--memory-swap", "80m", made.id);
      const found = await plugin.read("Container", made);
      assert.equal(found!.outputs["memory"], 80);
      assert.equal((await plugin.diff("Container", found!, inputs)).verdict, "update");
      await plugin.update("Container", found!, inputs);
      assert.equal((await inspect(made.id)).HostConfig["Memory"], 64 * MIB);
    });

    it("A6: everything that the program uses is quiet after a refresh; memory without memorySwap never is", async () => {
      const quiet: Props = {
        ...idle,
        memory: 64,
        memorySwap: 64,
        memoryReservation: 32,
        cpus: "0.5",
        cpuShares: 512,
        logDriver: "json-file",
        logOpts: { "max-size": "1m", "max-file": "2" },
        securityOpts: ["no-new-privileges:true"],
        capabilities: { drops: ["ALL"] },
        healthcheck: { tests: ["CMD", "true"], interval: "1s", timeout: "2s" },
        tmpfs: { "/tmp": "size=1m" },
        user: "1000:0",
        stopTimeout: 3,
        restart: "unless-stopped",
      };
      const made = await make(quiet);
      assert.equal((await plugin.diff("Container", made, quiet)).verdict, "none");
      assert.equal((await plugin.diff("Container", (await plugin.read("Container", made))!, quiet)).verdict, "none");
      const loud: Props = { ...idle, memory: 64 };
      const other = await make(loud);
      assert.equal((await plugin.diff("Container", (await plugin.read("Container", other))!, loud)).verdict, "update");
    });
  });

  describe("deleting", () => {
    const ended = async (inputs: Props): Promise<{ exitCode: string | undefined; seconds: number }> => {
      const made = await make(inputs);
      while (!(await docker("logs", made.id)).includes("ready"))
        await new Promise((resolve) => setTimeout(resolve, 50));
      const since = Date.now();
      await plugin.remove("Container", made);
      const seconds = (Date.now() - since) / 1000;
      assert.equal(await exists(made.id), false);
      const death = (await events(since)).find(({ action, id }) => action === "die" && id === made.id);
      return { exitCode: death?.exitCode, seconds };
    };

    it("A9: without a grace the container is killed at once, whatever its stopTimeout", async () => {
      const { exitCode, seconds } = await ended({ ...slow, stopTimeout: 10 });
      assert.equal(exitCode, "137");
      assert.ok(seconds < 1.9, `${seconds} s`);
    });

    it("A9: destroyGraceSeconds lets it end by itself", async () => {
      const { exitCode, seconds } = await ended({ ...slow, destroyGraceSeconds: 10 });
      assert.equal(exitCode, "0");
      assert.ok(seconds >= 1.9 && seconds < 6, `${seconds} s`);
    });

    it("3.4: anonymous volumes go with the container, unless removeVolumes is false", async () => {
      for (const removeVolumes of [true, false]) {
        const made = await make({ ...idle, removeVolumes, volumes: [{ containerPath: "/data" }] });
        const volume = await docker("inspect", "--format", "{{(index .Mounts 0).Name}}", made.id);
        await plugin.remove("Container", made);
        assert.equal(
          await docker("volume", "inspect", volume).then(
            () => true,
            () => false,
          ),
          !removeVolumes,
        );
        if (!removeVolumes) await docker("volume", "rm", volume);
      }
    });

    it("3.4: one that is gone already is no error", async () => {
      const made = await make(idle);
      await docker("rm", "-f", made.id);
      await plugin.remove("Container", made);
    });
  });
});
