import assert from "node:assert/strict";
import { containerArgs } from "../../../plan/container.ts";
import { makePlan } from "../../../plan/plan.ts";
import { asCommand, createArgs, newPorts, tried, type Tried } from "../../../plan/rehearsal.ts";
import type { ServiceSpec } from "../../../plan/types.ts";
import { catalogue, context, service } from "../support.ts";

const argsOf = (spec: Partial<ServiceSpec>, values: Record<string, unknown> = {}): Tried => {
  const plan = makePlan(catalogue([service("db", { kind: "stateful", ...spec })]), context(values));
  return {
    name: "tiny-dev-db",
    image: "busybox:1",
    ...tried(containerArgs(plan.services[0]!, plan)),
    volumes: [
      { volumeName: "db-config-0000000", containerPath: "/etc/db", readOnly: true },
      { volumeName: "tiny-dev-db-data", containerPath: "/data", readOnly: false },
      { hostPath: "/sys", containerPath: "/sys", readOnly: true },
    ],
    networksAdvanced: [{ name: "data-0000000" }, { name: "edge-0000000" }],
  };
};
const LIKE = { name: "tiny-dev-db-rehearsal", labels: { "berth.stack": "dev" } };
/** Values of an option. */
const option = (args: readonly string[], flag: string): readonly string[] =>
  args.flatMap((arg, n) => (arg === `--${flag}` ? [args[n + 1]!] : []));

describe("plan/rehearsal", () => {
  it("tries what can make a container fail, and leaves what is set in place", () => {
    const args = argsOf({});
    for (const key of ["restart", "labels", "cpuShares", "memoryReservation", "waitTimeout", "destroyGraceSeconds"])
      assert.ok(!(key in args), key);
    const spec = { port: 5432, publish: { postgres: 5432 }, networks: ["data" as const] };
    const changes: [Partial<ServiceSpec>, Record<string, unknown>][] = [
      [{}, { "berth:services": { db: { memory: "1GiB" } } }],
      [{}, { "berth:services": { db: { cpus: 2 } } }],
      [{}, { "berth:services": { db: { environment: { A: "1" } } } }],
      [{}, { "berth:ports": { postgres: 5433 } }],
      [{ command: ["other"] }, {}],
      [{ uid: 7 }, {}],
      [{ tmpfs: { "/run": "rw" } }, {}],
      [{ capabilities: ["KILL"] }, {}],
      [{ sharedMemory: 64 }, {}],
    ];
    for (const [more, values] of changes)
      assert.notDeepEqual(argsOf({ ...spec, ...more }, values), argsOf(spec), JSON.stringify([more, values]));
    const same = { "berth:restart": "unless-stopped", "berth:services": { db: { reserveCpus: 0.25 } } };
    assert.deepEqual(argsOf(spec, same), argsOf(spec));
  });

  it("makes the same container under another name, with the limits, user and files of its own", () => {
    const args = createArgs(argsOf({ command: ["serve", "--now"], sharedMemory: 64, environment: { A: "1" } }), LIKE);
    assert.deepEqual(option(args, "name"), ["tiny-dev-db-rehearsal"]);
    assert.deepEqual(option(args, "user"), ["1000:0"]);
    assert.deepEqual(option(args, "env"), ["A=1"]);
    assert.deepEqual(
      [...option(args, "memory"), ...option(args, "memory-swap"), ...option(args, "cpus")],
      ["64m", "64m", "0.25"],
    );
    assert.deepEqual(option(args, "shm-size"), ["64m"]);
    assert.deepEqual(option(args, "tmpfs"), ["/tmp:rw,noexec,nosuid,size=64m"]);
    assert.deepEqual(option(args, "cap-drop"), ["ALL"]);
    assert.deepEqual(option(args, "security-opt"), ["no-new-privileges:true"]);
    for (const flag of ["--read-only", "--init"]) assert.ok(args.includes(flag), flag);
    assert.deepEqual(args.slice(args.indexOf("busybox:1")), ["busybox:1", "serve", "--now"]);
  });

  it("reads what it may read, and never writes where the one that runs does; is on no network, and publishes nothing", () => {
    const args = createArgs(argsOf({}), LIKE);
    assert.deepEqual(option(args, "volume"), ["db-config-0000000:/etc/db:ro", "/data", "/sys:/sys:ro"]);
    assert.deepEqual(option(args, "network"), ["none"]);
    // It knows its own name all the same: Neo4j does not start without.
    const [name] = option(args, "hostname");
    assert.deepEqual(option(args, "add-host"), [`${name}:127.0.0.1`]);
    assert.deepEqual(option(args, "publish"), []);
    assert.deepEqual(option(args, "restart"), ["no"]);
    assert.deepEqual(option(args, "label"), ["berth.stack=dev"]);
    assert.ok(!option(args, "log-opt").some((value) => value.startsWith("labels=")));
  });

  it("may begin from nothing with less care than the service's own data needs", () => {
    const own = argsOf({ command: ["serve"], environment: { A: "1" } });
    const args = createArgs(own, { ...LIKE, environment: { INIT: "--no-sync" }, options: ["-c", "fsync=off"] });
    assert.deepEqual(option(args, "env"), ["A=1", "INIT=--no-sync"]);
    assert.deepEqual(args.slice(args.indexOf("busybox:1")), ["busybox:1", "serve", "-c", "fsync=off"]);
  });

  it("takes an entrypoint of several words, and the image's where another command is tried", () => {
    const own = argsOf({ entrypoint: ["sh", "/start.sh"], command: ["a"] });
    const args = createArgs(own, LIKE);
    assert.deepEqual(option(args, "entrypoint"), ["sh"]);
    assert.deepEqual(args.slice(args.indexOf("busybox:1")), ["busybox:1", "/start.sh", "a"]);
    const other = createArgs(own, { ...LIKE, command: ["validate"] });
    assert.deepEqual(option(other, "entrypoint"), []);
    assert.deepEqual(other.slice(other.indexOf("busybox:1")), ["busybox:1", "validate"]);
  });

  it("takes host ports that the one that runs has not, on the service's own networks", () => {
    const port = (external: number, ip = "127.0.0.1") => ({ internal: 5432, external, ip, protocol: "tcp" });
    assert.deepEqual(newPorts([port(1), port(2)], [port(1)]), [port(2)]);
    // The one that runs has it; whether the machine has the other address, another port of it tells.
    assert.deepEqual(newPorts([port(1, "0.0.0.0")], [port(1)]), []);
    assert.deepEqual(newPorts([port(1, "10.0.0.5")], [port(1)]), [port(0, "10.0.0.5")]);
    assert.deepEqual(newPorts([port(1, "10.0.0.5")], [port(1, "0.0.0.0")]), [port(0, "10.0.0.5")]);
    const args = createArgs(argsOf({}), { ...LIKE, ports: [port(2), port(3, "::")], entrypoint: "true", command: [] });
    assert.deepEqual(option(args, "publish"), ["127.0.0.1:2:5432/tcp", "[::]:3:5432/tcp"]);
    assert.deepEqual(option(args, "network"), ["data-0000000"]);
    assert.deepEqual([...option(args, "entrypoint"), args.at(-1)], ["true", "busybox:1"]);
  });

  it("asks for health as the engine does", () => {
    assert.deepEqual(asCommand(["CMD", "curl", "-f"]), ["curl", "-f"]);
    assert.deepEqual(asCommand(["CMD-SHELL", "a | b"]), ["/bin/sh", "-c", "a | b"]);
  });
});
