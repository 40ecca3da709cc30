/**
 * What engines say of themselves, and whether a stack can run there. The answer of 20.10 is recorded from a real one;
 * those of later engines are made from it by what Docker documents: the containerd image store, default from 29 on
 * (docs.docker.com/engine/storage/containerd), an engine without root (docs.docker.com/engine/security/rootless), pools
 * of addresses (docs.docker.com/reference/cli/dockerd, --default-address-pool), and where a snap keeps its data
 * (github.com/canonical/docker-snap).
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Engine, engineFrom } from "../../../config/engine.ts";
import { makePlan } from "../../../plan/plan.ts";
import type { ServiceSpec } from "../../../plan/types.ts";
import { catalogue, context, problemsOf, service } from "../support.ts";

const recorded = (file: string): unknown =>
  JSON.parse(readFileSync(join(import.meta.dirname, "../config/fixtures", file), "utf8"));
const INFO = recorded("engine-20.10.json") as Record<string, unknown>;
const [BRIDGE] = recorded("bridge-20.10.json") as [Record<string, unknown>];
const CONTAINERD = { Driver: "overlayfs", DriverStatus: [["driver-type", "io.containerd.snapshotter.v1"]] };
const NEW = { CgroupVersion: "2", SecurityOptions: ["name=apparmor", "name=seccomp,profile=builtin", "name=cgroupns"] };

/** An engine that differs from the recorded one. */
const engine = (info: Record<string, unknown> = {}, networks?: readonly unknown[]): Engine =>
  engineFrom({ ...INFO, ...info }, networks)!;
const networks = (count: number, labels: Record<string, string> = {}) =>
  Array.from({ length: count }, (_, n) => ({ ...BRIDGE, Name: `n${n}`, Options: {}, Labels: labels }));

describe("config/engine", () => {
  it("reads what an engine of 20.10 says", () =>
    assert.deepEqual(engine({}, [BRIDGE]), {
      version: "20.10.24+dfsg1",
      cpus: 2,
      memory: 24_105,
      platform: "linux/amd64",
      root: "/var/lib/docker",
      driver: "overlay2",
      containerd: false,
      rootless: false,
      userns: false,
      selinux: false,
      limits: { memory: true, swap: true, cpus: true },
      context: "default",
      forwards: true,
      networks: { left: 30, stacks: new Set() },
      mtu: 1400,
      taken: [{ subnet: "172.17.0.0/16", by: "Docker network bridge", stack: undefined, service: undefined }],
    }));
  it("reads who has which addresses: its networks, whatever drives them, and its machine's routes elsewhere", () => {
    const named = { Name: "a", Driver: "macvlan", Labels: { "berth.stack": "dev", "berth.service": "network-app" } };
    const networks = [{ ...named, IPAM: { Config: [{ Subnet: "10.9.0.0/16" }, { Subnet: "fd00::/64" }] } }];
    const table = [
      "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT",
      "eth0 00000000 010200C0 0003 0 0 0 00000000 0 0 0",
      "br-1 0000090A 00000000 0001 0 0 0 0000FFFF 0 0 0",
      "tun0 0000C80A 010200C0 0003 0 0 0 00E0FFFF 0 0 0",
      "",
    ].join("\n");
    const own = { subnet: "10.9.0.0/16", by: "Docker network a", stack: "dev", service: "network-app" };
    const elsewhere = { subnet: "10.200.0.0/19", by: "a route of the machine (tun0)" };
    assert.deepEqual(engineFrom(INFO, networks, table)!.taken, [own, elsewhere]);
    const rootless = { ...INFO, SecurityOptions: ["name=rootless"] };
    assert.deepEqual(engineFrom(rootless, networks, table)!.taken, [own]);
    assert.deepEqual(engineFrom(INFO, networks)!.taken, [own]);
  });
  it("reads what later ones say", () => {
    const later = engine({ ...NEW, ...CONTAINERD, ServerVersion: "29.1.3", Architecture: "aarch64" });
    assert.deepEqual([later.containerd, later.platform, later.driver], [true, "linux/arm64", "overlayfs"]);
    assert.equal(engine({ SecurityOptions: ["name=seccomp,profile=builtin", "name=rootless"] }).rootless, true);
    const pools = { DefaultAddressPools: [{ Base: "10.200.0.0/16", Size: 24 }] };
    assert.equal(engine(pools, networks(6)).networks!.left, 250);
  });
  it("reads nothing where nothing was said", () => {
    for (const said of [undefined, 0, {}, { ServerErrors: ["Cannot connect"], NCPU: 0 }])
      assert.equal(engineFrom(said), undefined);
  });
});

describe("plan/checks/engine", () => {
  const built = service("a", { image: { build: "a" } });
  const refused = (info: Record<string, unknown>, services: readonly ServiceSpec[] = [service("a")]) =>
    problemsOf(services, {}, { engine: engine(info) });
  const said = (more: Engine, values: Record<string, unknown> = {}, spec: Partial<ServiceSpec> = {}) =>
    makePlan(catalogue([service("a", spec)]), context(values, { engine: more })).notices;

  it("says nothing of engines from 20.10 to 29 that have what is needed", () => {
    for (const version of ["20.10.24+dfsg1", "24.0.7", "25.0.0", "26.1.4", "27.5.1", "28.3.2", "29.1.3"])
      for (const store of version.startsWith("2") && Number.parseFloat(version) >= 27.5 ? [{}, CONTAINERD] : [{}])
        assert.deepEqual(
          makePlan(catalogue([built]), context({}, { engine: engine({ ...NEW, ...store, ServerVersion: version }) }))
            .notices,
          [],
        );
  });
  for (const [what, info, words] of [
    ["one that is too old", { ServerVersion: "19.03.15" }, /^version 19\.03\.15, older than/],
    ["Windows containers", { OSType: "windows" }, /^it runs windows\/amd64 containers$/],
    ["a snap", { DockerRootDir: "/var/snap/docker/common/var-lib-docker" }, /^it is a snap .*no-new-privileges/],
    ["no quota of processor time", { CpuCfsQuota: false }, /quota of processor time/],
  ] as const)
    it(`refuses ${what}`, () => {
      const [problem, ...others] = refused(info);
      assert.deepEqual(others, []);
      assert.equal(problem!.key, "the engine");
      assert.match(problem!.got, words);
    });
  it("refuses to build with the containerd image store before 27.5, where something is built", () => {
    for (const version of ["25.0.3", "26.1.4", "27.4.1"]) {
      const [problem] = refused({ ...NEW, ...CONTAINERD, ServerVersion: version }, [built]);
      assert.match(problem!.got, /containerd image store/);
      assert.match(problem!.fix, /containerd-snapshotter/);
      const other = engine({ ...NEW, ...CONTAINERD, ServerVersion: version });
      assert.deepEqual(said(other), []);
      const existing = { "berth:images": { a: `sha256:${"0".repeat(64)}` } };
      assert.deepEqual(makePlan(catalogue([built]), context(existing, { engine: other })).notices, []);
    }
  });
  it("refuses to collect lines where the engine keeps none", () => {
    const collector = service("collector", {
      hostMounts: { "/var/lib/docker/containers": "/var/lib/docker/containers" },
    });
    const mapped = { SecurityOptions: ["name=seccomp,profile=default", "name=userns"] };
    const [unread, ...more] = refused({ ...mapped, DockerRootDir: "/var/lib/docker/165536.165536" }, [collector]);
    assert.deepEqual([unread!.fix, more], [`pulumi config set berth:off '["collector"]' --stack dev`, []]);
    assert.match(unread!.got, /userns-remap/);
    makePlan(catalogue([service("a")]), context({}, { engine: engine(mapped) }));
    const [problem] = refused({ DockerRootDir: "/srv/docker" }, [collector]);
    assert.deepEqual(
      [problem!.key, problem!.fix],
      ["berth:dockerRoot", "pulumi config set berth:dockerRoot /srv/docker --stack dev"],
    );
    makePlan(catalogue([collector]), context({}, { engine: engine() }));
    makePlan(catalogue([service("a")]), context({}, { engine: engine({ DockerRootDir: "/srv/docker" }) }));
  });
  for (const [what, info, words] of [
    ["memory is not counted", { MemoryLimit: false, SwapLimit: false }, /limits of memory do not hold/],
    ["swap is not counted", { SwapLimit: false }, /does not count swap/],
    ["layers are whole copies", { Driver: "vfs", DriverStatus: null }, /vfs/],
    ["nothing is forwarded", { IPv4Forwarding: false }, /forwards no packets/],
  ] as const)
    it(`warns where ${what}`, () => {
      const [notice, ...others] = said(engine(info));
      assert.deepEqual(others, []);
      assert.deepEqual([notice!.level, notice!.key], ["warning", "the engine"]);
      assert.match(notice!.got, words);
    });
  it("warns where SELinux keeps containers from reading what is mounted from the machine", () => {
    const labels = engine({ SecurityOptions: ["name=seccomp,profile=builtin", "name=selinux"] });
    assert.deepEqual(said(labels), []);
    const [notice] = said(labels, {}, { hostMounts: { "/sys/fs/cgroup": "/sys/fs/cgroup" } });
    assert.match(notice!.got, /SELinux, so that a may not read/);
  });
  it("warns of packets that are smaller on the engine's own network", () =>
    assert.match(said(engine({}, [BRIDGE]))[0]!.got, /1400 bytes at most/));
  it("warns where there may be no room for the stack's networks, unless it has them", () => {
    assert.deepEqual(said(engine({}, networks(30))), []);
    assert.match(said(engine({}, networks(31)))[0]!.got, /addresses for 0 more networks/);
    assert.deepEqual(said(engine({}, networks(31, { "berth.stack": "dev" }))), []);
    assert.deepEqual(said(engine({}, networks(31)), { "berth:subnet": "10.200.0.0/20" }), []);
  });
  it("builds for the engine's processor, and warns where the stack file names another", () => {
    const arm = engine({ Architecture: "aarch64" });
    const plan = (values: Record<string, unknown>) =>
      makePlan(catalogue([built]), context(values, { engine: arm, host: arm }));
    assert.deepEqual([plan({}).platform, plan({}).notices], ["linux/arm64", []]);
    const { platform, notices } = plan({ "berth:platform": "linux/amd64" });
    assert.deepEqual([platform, notices.map(({ key }) => key)], ["linux/amd64", ["berth:platform"]]);
  });
  it("warns of low ports where the engine runs without root", () => {
    const rootless = engine({ SecurityOptions: ["name=rootless"] });
    const spec: Partial<ServiceSpec> = { publish: { web: 80 } };
    assert.deepEqual(said(rootless, { "berth:ports": { web: 8080 } }, spec), []);
    const [notice] = said(rootless, { "berth:ports": { web: 80 } }, spec);
    assert.equal(notice!.key, "berth:ports.web");
  });
});
