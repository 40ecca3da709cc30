/** What the node exporter is told about containers, from cgroups as an engine makes them. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const SCRIPT = join(import.meta.dirname, "../../../monitoring/machine/containers.awk");
const [API, DATABASE, STRANGER] = ["a", "b", "c"].map((digit) => digit.repeat(64)) as [string, string, string];
const NAMES = { [API]: "assistant-dev-api-1-0a1b2c3\n", [DATABASE]: "assistant-dev-postgres\n", [STRANGER]: "" };

const MEMORY = 100 * 1024 * 1024;
/** Files of one container's cgroup. */
const v1 = (id: string) =>
  Object.fromEntries(
    Object.entries({
      memory: {
        "memory.usage_in_bytes": `${MEMORY}`,
        "memory.limit_in_bytes": `${2 * MEMORY}`,
        "memory.stat": `total_active_file ${MEMORY / 4}\ntotal_inactive_file ${MEMORY / 4}\nactive_file 1`,
      },
      cpuacct: { "cpuacct.usage": "2500000000" },
      cpu: {
        "cpu.stat": "nr_throttled 3\nthrottled_time 500000000",
        "cpu.cfs_quota_us": "50000",
        "cpu.cfs_period_us": "100000",
      },
    }).flatMap(([controller, files]) =>
      Object.entries(files).map(([name, text]) => [`${controller}/docker/${id}/${name}`, text]),
    ),
  );
const v2 = (id: string) =>
  Object.fromEntries(
    Object.entries({
      "memory.current": `${MEMORY}`,
      "memory.max": `${2 * MEMORY}`,
      "memory.stat": `anon 5\nactive_file ${MEMORY / 4}\ninactive_file ${MEMORY / 4}`,
      "cpu.stat": "usage_usec 2500000\nthrottled_usec 500000",
      "cpu.max": "50000 100000",
    }).map(([name, text]) => [`system.slice/docker-${id}.scope/${name}`, text]),
  );

class Machine {
  readonly dir = mkdtempSync(join(tmpdir(), "berth-cgroups-"));
  constructor() {
    this.write("state/before", "");
    for (const [id, name] of Object.entries(NAMES)) this.write(`names/${id}`, name);
  }
  write(path: string, text: string): void {
    mkdirSync(dirname(join(this.dir, path)), { recursive: true });
    writeFileSync(join(this.dir, path), text);
  }
  /** One round; `seen` are the lines that the shell finds. */
  measure(seen: readonly string[]): Map<string, number> {
    const env = {
      ...process.env,
      root: join(this.dir, "root"),
      prefix: "assistant-dev-",
      services: "api=app postgres=data postgres-exporter=monitoring",
      names: join(this.dir, "names"),
      state: join(this.dir, "state"),
    };
    const text = execFileSync("awk", ["-f", SCRIPT], {
      input: seen.map((line) => `${line}\n`).join(""),
      env,
      encoding: "utf8",
    });
    this.write("state/before", readFileSync(join(this.dir, "state/after"), "utf8"));
    return new Map(
      text
        .split("\n")
        .filter((line) => line && !line.startsWith("#"))
        .map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))]),
    );
  }
  remove(): void {
    rmSync(this.dir, { recursive: true });
  }
}

const api = '{service="api",tier="app",container="assistant-dev-api-1-0a1b2c3"}';
const expected = {
  [`container_memory_used_bytes${api}`]: MEMORY / 2,
  [`container_memory_limit_bytes${api}`]: 2 * MEMORY,
  [`container_cpu_seconds_total${api}`]: 2.5,
  [`container_cpu_throttled_seconds_total${api}`]: 0.5,
  [`container_cpu_limit_cores${api}`]: 0.5,
  [`container_restarts_total${api}`]: 0,
};

describe("monitoring/machine", () => {
  let machine: Machine;
  beforeEach(() => {
    machine = new Machine();
  });
  afterEach(() => machine.remove());
  const write = (files: Record<string, string>) => {
    for (const [path, text] of Object.entries(files)) machine.write(`root/${path}`, text);
  };

  it("measures a container by cgroups v1", () => {
    write(v1(API));
    assert.deepEqual(Object.fromEntries(machine.measure([`1 /docker/${API} ${API}`])), expected);
  });
  it("measures a container by cgroups v2", () => {
    write({ "cgroup.controllers": "cpu memory", ...v2(API) });
    assert.deepEqual(Object.fromEntries(machine.measure([`1 /system.slice/docker-${API}.scope ${API}`])), expected);
  });
  it("says nothing of a limit that there is not", () => {
    write({
      "cgroup.controllers": "cpu memory",
      ...v2(API),
      [`system.slice/docker-${API}.scope/memory.max`]: "max",
      [`system.slice/docker-${API}.scope/cpu.max`]: "max 100000",
    });
    const names = [...machine.measure([`1 /system.slice/docker-${API}.scope ${API}`]).keys()].map(
      (name) => name.split("{")[0],
    );
    assert.ok(names.includes("container_memory_used_bytes"));
    assert.ok(
      !names.includes("container_memory_limit_bytes") && !names.includes("container_cpu_limit_cores"),
      names.join(),
    );
  });
  it("leaves out what has no name here, and takes postgres for no exporter", () => {
    write({ ...v1(API), ...v1(DATABASE), ...v1(STRANGER) });
    const services = [...machine.measure([API, DATABASE, STRANGER].map((id) => `1 /docker/${id} ${id}`)).keys()].map(
      (name) => /service="([^"]*)"/.exec(name)![1],
    );
    assert.deepEqual([...new Set(services)].sort(), ["api", "postgres"]);
  });
  it("counts a new directory of a known container as a restart, even if it was away in between", () => {
    write(v1(API));
    const restarts = (...seen: string[]) => machine.measure(seen).get(`container_restarts_total${api}`);
    assert.deepEqual(
      [
        restarts(`7 /docker/${API} ${API}`),
        restarts(`7 /docker/${API} ${API}`),
        restarts(),
        restarts(`8 /docker/${API} ${API}`),
        restarts(`9 /docker/${API} ${API}`),
      ],
      [0, 0, undefined, 1, 2],
    );
  });
  it("forgets those that went for good: a machine may start thousands a day", () => {
    write(v1(API));
    const remembered = () => readFileSync(join(machine.dir, "state/before"), "utf8").trim().split("\n").length;
    const strangers = Array.from({ length: 50 }, (_, n) => `${n} /docker/x ${String(n).padStart(64, "0")}`);
    machine.measure([...strangers, `7 /docker/${API} ${API}`]);
    for (let round = 0; round < 99; round += 1) machine.measure([`7 /docker/${API} ${API}`]);
    assert.equal(remembered(), 51);
    machine.measure([`7 /docker/${API} ${API}`]);
    assert.equal(remembered(), 1);
  });
});
