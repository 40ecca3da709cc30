import assert from "node:assert/strict";
import { before, describe, it } from "mocha";
import { UNKNOWN, usePlugin } from "./plugin.ts";
import type { Diff, Made, Plugin, Props } from "./plugin.ts";
import { IMAGE, labels } from "./support.ts";

type Row = readonly [what: string, change: Props, verdict: Diff["verdict"]];

/** Everything that the program of this project uses, with values that come back as they were given. */
const base: Props = {
  image: IMAGE,
  labels,
  name: "conformance-diff",
  start: false,
  mustRun: false,
  command: ["sleep", "1"],
  entrypoints: ["/bin/sh"],
  envs: ["A=1", "B=2"],
  hostname: "here",
  user: "1000:0",
  workingDir: "/tmp",
  memory: 64,
  memorySwap: 64,
  memoryReservation: 32,
  cpus: "0.5",
  cpuShares: 512,
  cpuSet: "0",
  shmSize: 64,
  logDriver: "json-file",
  logOpts: { "max-size": "1m", "max-file": "2" },
  securityOpts: ["no-new-privileges:true"],
  capabilities: { adds: ["CAP_CHOWN"], drops: ["ALL"] },
  tmpfs: { "/scratch": "size=1m" },
  init: true,
  stopTimeout: 5,
  stopSignal: "SIGINT",
  readOnly: true,
  restart: "unless-stopped",
  destroyGraceSeconds: 5,
  waitTimeout: 30,
  ipcMode: "private",
  healthcheck: { tests: ["CMD", "true"], interval: "1s", timeout: "2s", startPeriod: "1m30s", retries: 3 },
  volumes: [{ volumeName: "conformance-diff", containerPath: "/data" }],
  mounts: [{ type: "volume", source: "conformance-diff", target: "/mounted", readOnly: true }],
  ulimits: [{ name: "nofile", soft: 100, hard: 200 }],
  hosts: [{ host: "other", ip: "10.0.0.1" }],
  sysctls: { "net.core.somaxconn": "100" },
  groupAdds: ["5"],
  dns: ["10.0.0.2"],
  ports: [
    { internal: 80, external: 18_080 },
    { internal: 81, external: 18_081, ip: "127.0.0.1" },
  ],
};

const healthcheck = (more: Props): Props => ({ healthcheck: { ...(base["healthcheck"] as Props), ...more } });

const REPLACED: readonly Row[] = [
  ["image", { image: "python:other" }, "replace"],
  ["command", { command: ["sleep", "2"] }, "replace"],
  ["entrypoints", { entrypoints: ["/bin/bash"] }, "replace"],
  ["envs", { envs: ["A=1", "B=3"] }, "replace"],
  ["one env more", { envs: ["A=1", "B=2", "C=3"] }, "replace"],
  ["labels", { labels: [...labels, { label: "more", value: "1" }] }, "replace"],
  ["name", { name: "conformance-other" }, "replace"],
  ["hostname", { hostname: "there" }, "replace"],
  ["user", { user: "1001:0" }, "replace"],
  ["workingDir", { workingDir: "/opt" }, "replace"],
  ["cpus", { cpus: "0.25" }, "replace"],
  ["shmSize", { shmSize: 32 }, "replace"],
  ["logDriver", { logDriver: "none" }, "replace"],
  ["logOpts", { logOpts: { "max-size": "2m", "max-file": "2" } }, "replace"],
  ["securityOpts", { securityOpts: ["no-new-privileges:false"] }, "replace"],
  ["capabilities.drops", { capabilities: { adds: ["CAP_CHOWN"], drops: ["CAP_KILL"] } }, "replace"],
  ["stopTimeout", { stopTimeout: 6 }, "replace"],
  ["stopSignal", { stopSignal: "SIGTERM" }, "replace"],
  ["readOnly", { readOnly: false }, "replace"],
  ["pidMode", { pidMode: "host" }, "replace"],
  ["ipcMode", { ipcMode: "shareable" }, "replace"],
  ["networkMode", { networkMode: "none" }, "replace"],
  ["networksAdvanced", { networksAdvanced: [{ name: "other" }] }, "replace"],
  ["volumes", { volumes: [{ volumeName: "conformance-diff", containerPath: "/other" }] }, "replace"],
  [
    "volumes.readOnly",
    { volumes: [{ volumeName: "conformance-diff", containerPath: "/data", readOnly: true }] },
    "replace",
  ],
  ["one mount less", { mounts: [] }, "replace"],
  ["uploads", { uploads: [{ file: "/a", content: "a" }] }, "replace"],
  ["ulimits", { ulimits: [{ name: "nofile", soft: 100, hard: 300 }] }, "replace"],
  ["hosts", { hosts: [{ host: "other", ip: "10.0.0.9" }] }, "replace"],
  ["sysctls", { sysctls: { "net.core.somaxconn": "200" } }, "replace"],
  ["groupAdds", { groupAdds: ["6"] }, "replace"],
  ["dns", { dns: ["10.0.0.3"] }, "replace"],
  [
    "ports.external",
    {
      ports: [
        { internal: 80, external: 18_082 },
        { internal: 81, external: 18_081, ip: "127.0.0.1" },
      ],
    },
    "replace",
  ],
  [
    "ports.ip",
    {
      ports: [
        { internal: 80, external: 18_080 },
        { internal: 81, external: 18_081 },
      ],
    },
    "replace",
  ],
  ["one port less", { ports: [{ internal: 80, external: 18_080 }] }, "replace"],
  ["an image that is not known yet", { image: UNKNOWN }, "replace"],
  ["an env that is not known yet", { envs: ["A=1", UNKNOWN] }, "replace"],
];

const UPDATED: readonly Row[] = [
  ["memory", { memory: 65 }, "update"],
  ["memorySwap", { memorySwap: 128 }, "update"],
  ["memoryReservation", { memoryReservation: 16 }, "update"],
  ["memory left out", { memory: null }, "update"],
  ["cpuShares", { cpuShares: 256 }, "update"],
  ["cpuSet", { cpuSet: "0,1" }, "update"],
  ["restart", { restart: "always" }, "update"],
  ["destroyGraceSeconds", { destroyGraceSeconds: 6 }, "update"],
  ["waitTimeout", { waitTimeout: 31 }, "update"],
  ["wait", { wait: true }, "update"],
  ["attach", { attach: true }, "update"],
  ["logs", { logs: true }, "update"],
  ["start", { start: true }, "update"],
  ["mustRun", { mustRun: true }, "update"],
  ["removeVolumes", { removeVolumes: false }, "update"],
  ["rm", { rm: true }, "update"],
  ["a limit that is not known yet", { memory: UNKNOWN }, "update"],
];

/** Accepted as an update, and then nothing happens to the container. */
const IGNORED: readonly Row[] = [
  ["healthcheck.interval", healthcheck({ interval: "3s" }), "update"],
  ["healthcheck.tests", healthcheck({ tests: ["CMD", "false"] }), "update"],
  ["tmpfs", { tmpfs: { "/scratch": "size=2m" } }, "update"],
  ["one tmpfs more", { tmpfs: { "/scratch": "size=1m", "/more": "" } }, "update"],
  ["init", { init: false }, "update"],
  ["cpuPeriod", { cpuPeriod: 100_000 }, "update"],
  ["cpuQuota", { cpuQuota: 100_000 }, "update"],
  [
    "the source of a mount",
    { mounts: [{ type: "volume", source: "other", target: "/mounted", readOnly: true }] },
    "update",
  ],
  [
    "the readOnly of a mount",
    { mounts: [{ type: "volume", source: "conformance-diff", target: "/mounted" }] },
    "update",
  ],
];

const UNSEEN: readonly Row[] = [
  ["nothing at all", {}, "none"],
  ["the order of envs", { envs: ["B=2", "A=1"] }, "none"],
  ["the order of ports", { ports: [...(base["ports"] as Props[])].reverse() }, "none"],
  ["command left out", { command: null }, "none"],
  ["entrypoints left out", { entrypoints: null }, "none"],
  ["envs left out", { envs: null }, "none"],
  ["labels left out", { labels: null }, "none"],
  ["hostname left out", { hostname: null }, "none"],
  ["healthcheck left out", { healthcheck: null }, "none"],
  ["securityOpts left out", { securityOpts: null }, "none"],
  ["stopSignal left out", { stopSignal: null }, "none"],
  ["stopTimeout left out", { stopTimeout: null }, "none"],
  ["shmSize left out", { shmSize: null }, "none"],
  ["logDriver left out", { logDriver: null }, "none"],
  ["init left out", { init: null }, "none"],
  ["user left empty", { user: "" }, "none"],
  ["user left out", { user: null }, "none"],
  ["workingDir left out", { workingDir: null }, "none"],
];

/** Values that the engine writes differently: each of them differs again at every `up`. */
const RESTLESS: readonly Row[] = [
  ['cpus "1", stored as "1.0"', { cpus: "1" }, "replace"],
  ['cpus "0.05", stored as "0.1"', { cpus: "0.05" }, "replace"],
  ['an interval of "60s", stored as "1m0s"', healthcheck({ interval: "60s" }), "update"],
  ['platform "linux/amd64", stored as "linux"', { platform: "linux/amd64" }, "replace"],
];

/** Sets are stored as planned, so what the engine made of them differs only from the first refresh on. */
const AWAKENED: readonly Row[] = [
  ["a capability without CAP_", { capabilities: { adds: ["CHOWN"], drops: ["ALL"] } }, "replace"],
  ["securityOpts with the host's processes: the engine adds label=disable", { pidMode: "host" }, "replace"],
  ["a host with an IPv6 address", { hosts: [{ host: "other", ip: "::1" }] }, "replace"],
];

const SETTLED: readonly Row[] = [
  ['cpus "1.0"', { cpus: "1.0" }, "none"],
  ['cpus "1.5"', { cpus: "1.5" }, "none"],
  ['an interval of "1m0s"', healthcheck({ interval: "1m0s" }), "none"],
  ["cpus left out", { cpus: null }, "none"],
];

describe("Container: what a change costs", function () {
  this.timeout(30_000);
  let plugin: Plugin;
  let made: Made;
  usePlugin("docker", (started) => (plugin = started));
  before(async () => {
    made = await plugin.create("Container", base);
  });

  const table = (fact: string, rows: readonly Row[]): void =>
    rows.forEach(([what, change, verdict]) =>
      it(`${fact}: ${what} → ${verdict}`, async () => {
        const { verdict: found, detail } = await plugin.diff("Container", made, { ...base, ...change });
        assert.equal(found, verdict, JSON.stringify(detail));
      }),
    );

  table("3.1", REPLACED);
  table("3.1", UPDATED);
  table("3.1/2.8", IGNORED);
  table("2.9/A6", UNSEEN);

  it("A1: a replacement deletes first by default, whoever chose the name", async () => {
    assert.equal((await plugin.diff("Container", made, { ...base, image: "other" })).deleteFirst, true);
  });

  it("2.3: an update alone never asks for delete-before-replace", async () => {
    assert.equal((await plugin.diff("Container", made, { ...base, memory: 65 })).deleteFirst, false);
  });

  const again = (fact: string, rows: readonly Row[], atSecondUp?: Diff["verdict"]): void =>
    rows.forEach(([what, change, verdict]) =>
      it(`${fact}: ${what} → ${atSecondUp ?? verdict} at the second up, ${verdict} after a refresh`, async () => {
        const inputs: Props = { ...base, ...change, name: "conformance-again", ports: null };
        const first = await plugin.create("Container", inputs);
        try {
          const second = await plugin.diff("Container", first, inputs);
          assert.equal(second.verdict, atSecondUp ?? verdict, JSON.stringify(second.detail));
          const refreshed = await plugin.diff("Container", (await plugin.read("Container", first))!, inputs);
          assert.equal(refreshed.verdict, verdict, JSON.stringify(refreshed.detail));
        } finally {
          await plugin.remove("Container", first);
        }
      }),
    );

  again("3.8", RESTLESS);
  again("3.8", AWAKENED, "none");
  again("3.8", SETTLED);
});
