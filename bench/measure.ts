/**
 * Measures the dev stack on this machine and prints Markdown: `npm run bench`, or some parts of it:
 * `npm run bench -- builds stack growth containers`. Ratios of one run count, not seconds.
 * Uses a copy of this checkout, stack `measure`, ports 23000 and up; nothing of other stacks is touched.
 */
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import * as os from "node:os";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Load } from "../test/load/load.ts";
import { command, docker, good, ROOT, sleep } from "../test/stack/command.ts";
import { Project } from "../test/stack/project.ts";
import { addressOn } from "../test/stack/reach.ts";
import { type Start, startsWhile } from "../test/stack/starts.ts";
import { assistant } from "../test/systems/assistant/driver.ts";
import { kailash } from "../test/systems/kailash/driver.ts";
import { planOf } from "../bin/stack.ts";
import { imageHere } from "../config/here.ts";
import type { Plan } from "../plan/types.ts";
import { contextFiles } from "./plugins/resource-docker/image/digest.ts";
import { writeCompose } from "./measure/compose.ts";
import { Outside } from "./measure/outside.ts";
import { inTurn, time } from "./measure/timing.ts";

const RUNS = Number(process.env["BERTH_MEASURE_RUNS"] ?? 5);
const BUILDER = { DOCKER_BUILDKIT: "1" };
const BUILD_CLI = process.env["BERTH_BUILD_DOCKER"] ?? "/usr/bin/docker";
const PULUMI = { PULUMI_CONFIG_PASSPHRASE: "e2e" };
const ROWS: string[][] = [];
const s = (seconds: number): string => `${seconds.toFixed(seconds < 10 ? 2 : 0)} s`;
const row = (what: string, figure: string, aim = ""): void => {
  ROWS.push([what, figure, aim]);
  console.error(`${what}: ${figure}`);
};

/** A Pulumi project of its own, for comparison. */
function tinyProject(name: string, program: string): string {
  const dir = mkdtempSync(join(tmpdir(), "berth-measure-"));
  mkdirSync(join(dir, ".state"));
  writeFileSync(
    join(dir, "Pulumi.yaml"),
    `name: ${name}\nruntime: {name: nodejs, options: {typescript: false, nodeargs: --stack-trace-limit=0}}\nmain: index.ts\nbackend: {url: "file://.state"}\n`,
  );
  writeFileSync(
    join(dir, "package.json"),
    JSON.stringify({
      name,
      type: "module",
      main: "index.ts",
      dependencies: { "@pulumi/pulumi": "3.259.0", "@pulumi/docker": "5.2.0" },
    }),
  );
  writeFileSync(join(dir, "index.ts"), program);
  symlinkSync(join(ROOT, "node_modules"), join(dir, "node_modules"));
  return dir;
}
const up = async (dir: string, watch?: string) =>
  time("pulumi", ["up", "--yes", "--skip-preview", "--non-interactive", "--stack", "measure"], {
    cwd: dir,
    env: PULUMI,
    ...(watch ? { watch } : {}),
  });
const init = (dir: string) =>
  time("pulumi", ["stack", "select", "measure", "--create", "--non-interactive"], { cwd: dir, env: PULUMI });
/** All but the key that users' secrets are encrypted with, which outlives a stack. */
const destroy = (dir: string) =>
  time(
    "pulumi",
    ["destroy", "--yes", "--skip-preview", "--non-interactive", "--exclude-protected", "--stack", "measure"],
    { cwd: dir, env: PULUMI },
  );

/** Compose as Debian's next release packages it, in a container beside the engine. */
class Compose {
  readonly #box = "berth-measure-compose";
  async open(dir: string): Promise<void> {
    await docker("rm", "-f", this.#box).catch(() => undefined);
    await docker(
      "run",
      "-d",
      "--name",
      this.#box,
      "--init",
      "-v",
      "/var/run/docker.sock:/var/run/docker.sock",
      "-v",
      `${dir}:${dir}`,
      "-v",
      `${ROOT}:${ROOT}:ro`,
      "-w",
      dir,
      "berth-bench/debian:trixie",
      "sleep",
      "7200",
    );
    await docker(
      "exec",
      this.#box,
      "sh",
      "-c",
      "apt-get update -qq && apt-get install -y -qq --no-install-recommends docker-compose >/dev/null",
    );
  }
  /** Seconds, without what it costs to get into the container. */
  async run(...args: string[]): Promise<number> {
    const entry = await time("docker", ["exec", this.#box, "true"]);
    const whole = await time("docker", ["exec", this.#box, "docker-compose", ...args]);
    return whole.seconds - entry.seconds;
  }
  async close(): Promise<void> {
    await docker("rm", "-f", this.#box);
  }
}

async function stackAgainstOthers(project: Project, plan: Plan): Promise<void> {
  const empty = tinyProject("empty", "export {};\n");
  await init(empty);
  await up(empty);
  let fresh = { seconds: 0 };
  const starts = await startsWhile(project, async () => {
    fresh = await up(project.dir);
  });
  row("fresh up, images warm", s(fresh.seconds));
  for (const start of starts) rowOfStart(start);
  let peak = 0;
  const script = async () => (await time("bin/up", [project.stack], { cwd: project.dir, env: project.env })).seconds;
  // The first one keeps a release.
  await script();
  const noop = await inTurn(RUNS, {
    stack: async () => {
      const run = await up(project.dir, "cmd/run");
      peak = Math.max(peak, run.peak);
      return run.seconds;
    },
    empty: async () => (await up(empty)).seconds,
    script,
  });
  row(`no-op up, ${plan.services.length} services`, s(noop.stack));
  row("no-op up, empty program", s(noop.empty));
  row("no-op: stack / empty program", (noop.stack / noop.empty).toFixed(2), "≤ 2");
  row("no-op: bin/up / plain", (noop.script / noop.stack).toFixed(2), "≤ 1.3");
  row("peak memory of the program", `${Math.round(peak)} MiB`);
  await oneLine(project);
  const images = await project.output<Record<string, string>>("images");
  await destroy(project.dir);

  const compose = new Compose();
  const dir = mkdtempSync(join(tmpdir(), "berth-compose-"));
  writeCompose(plan, { assistant: images["api"]!, edge: images["edge"]! }, dir, "berth-measure");
  await compose.open(dir);
  try {
    const first = await compose.run("up", "-d", "--wait");
    row("compose: fresh up --wait", s(first));
    row("fresh: stack / compose", (fresh.seconds / first).toFixed(2));
    const again = await inTurn(RUNS, { compose: () => compose.run("up", "-d", "--wait") });
    row("compose: no-op up --wait", s(again.compose));
    row("no-op: stack / compose", (noop.stack / again.compose).toFixed(2));
  } finally {
    await compose.run("down", "-v").catch(() => 0);
    await compose.close();
  }
}

function rowOfStart({ service, cpu, memory }: Start): void {
  const { cpu: cores, memory: most } = assistant.budgetOf(service);
  row(`start of ${service}: processor, memory`, `${s(cpu)}, ${Math.round(memory)} MiB`, `≤ ${cores} s, ${most} MiB`);
}

/**
 * Waits for a new container of the service, and for its first successful check. From the engine's own record, which
 * keeps five checks: read it at once.
 */
async function startToHealthy(project: Project, service: string, before: readonly string[]): Promise<number> {
  for (;;) {
    const names = (
      await docker(
        "ps",
        "--filter",
        `label=berth.stack=${project.stack}`,
        "--filter",
        `label=berth.service=${service}`,
        "--filter",
        "health=healthy",
        "--format",
        "{{.Names}}",
      )
    ).split("\n");
    const name = names.find((name) => name && !before.includes(name));
    if (name) {
      const state = JSON.parse(await docker("inspect", "--format", "{{json .State}}", name)) as {
        StartedAt: string;
        Health: { Log: { End: string; ExitCode: number }[] };
      };
      const first = state.Health.Log.find((check) => check.ExitCode === 0)!;
      return (Date.parse(first.End) - Date.parse(state.StartedAt)) / 1000;
    }
    await sleep(200);
  }
}

/** Stage's way: no source mounts, so a change of one line is a new image. */
async function oneLine(project: Project): Promise<void> {
  const applications = project.known.those({ kind: "stateless", tier: "app" }).map(({ name }) => name);
  const before = await Promise.all(applications.map((service) => project.running(service)));
  project.edit(assistant.sources["assistant"]!, (text) => `${text}\n# one line\n`);
  const began = performance.now();
  const changed = up(project.dir);
  const started = await Promise.all(
    applications.map(async (service, n) => ({
      took: await startToHealthy(project, service, before[n]!),
      at: performance.now(),
    })),
  );
  row(
    "one-line change to healthy, every application service",
    s((Math.max(...started.map(({ at }) => at)) - began) / 1000),
    "< 30 s",
  );
  row("one-line change to the end of the up, settled and drained", s((await changed).seconds));
  started.forEach(({ took }, n) => {
    const service = applications[n]!;
    row(`start to healthy: ${service}`, s(took), `< ${assistant.budgetOf(service).start} s (PA-69)`);
  });
}

async function builds(): Promise<void> {
  const { context, dockerfile, args } = planOf("stage").images["assistant"]!;
  const build = (target: string, ...more: string[]) =>
    time(
      BUILD_CLI,
      [
        ...["build", "-q", "--file", dockerfile!, "--target", target, "-t", "berth-measure:latest", ...more],
        ...Object.entries(args).flatMap(([name, value]) => ["--build-arg", `${name}=${value}`]),
        context,
      ],
      { env: BUILDER },
    );
  row("build: cold", s((await build("runtime", "--no-cache")).seconds), "< 5 min (PA-68)");
  row("build: cached", s((await build("runtime")).seconds));
  const size = async (image: string) => Number(await docker("image", "inspect", "--format", "{{.Size}}", image)) / 1e6;
  const [whole, base] = [await size("berth-measure:latest"), await size("python:3.11-slim")];
  row("image: assistant", `${Math.round(whole)} MB, ${Math.round(whole - base)} MB above its base`, "≤ 150 MB above");
  await build("development");
  row("image: assistant, development", `${Math.round(await size("berth-measure:latest"))} MB`);
  await docker("rmi", "berth-measure:latest");
  for (const { context, dockerfile = `${context}/Dockerfile` } of Object.values(planOf("dev").images)) {
    const files = contextFiles(join(ROOT, context), join(ROOT, dockerfile));
    row(
      `build context: ${context}`,
      `${Math.ceil(files.reduce((sum, { stats }) => sum + stats.size, 0) / 1000)} kB in ${files.length} files`,
    );
  }
}

/** What each further container adds to an up that changes nothing. */
async function growth(): Promise<void> {
  const program = (count: number) => `import * as docker from "@pulumi/docker";
for (let i = 0; i < ${count}; i++) new docker.Container("measure-" + i, {
  image: "${imageHere("redis:8.10")}", command: ["sleep", "infinity"], memory: 16, memorySwap: 16, networkMode: "none", init: true,
  labels: [{ label: "berth.stack", value: "measure-growth" }], destroyGraceSeconds: 1, capabilities: { drops: ["ALL"] },
});\n`;
  const dir = tinyProject("growth", program(20));
  await init(dir);
  try {
    const seconds: number[] = [];
    for (const count of [20, 100]) {
      writeFileSync(join(dir, "index.ts"), program(count));
      await up(dir);
      const { noop } = await inTurn(RUNS, { noop: async () => (await up(dir)).seconds });
      seconds.push(noop);
      row(`no-op up, ${count} containers`, s(noop));
    }
    row("growth of the no-op", `${Math.round(((seconds[1]! - seconds[0]!) / 80) * 1000)} ms a container`, "≤ 30 ms");
  } finally {
    await destroy(dir);
  }
}

async function stack(): Promise<void> {
  const project = new Project({
    stack: "measure",
    portOffset: 15000,
    config: { "berth:imageTarget": "runtime", "berth:sourceMounts": false },
  });
  try {
    await project.create();
    await up(project.dir);
    await destroy(project.dir);
    await stackAgainstOthers(project, project.plan());
  } finally {
    await project.remove();
  }
}

/**
 * A service in its container, and the same files as a process of this machine, before the same stores (KD-59, KD-66).
 * Its limits are the machine's, so that neither meets them.
 */
async function containers(): Promise<void> {
  const project = new Project({
    stack: "measure-containers",
    from: "kailash-dev",
    portOffset: 15000,
    config: {
      "berth:imageTarget": "runtime",
      "berth:sourceMounts": false,
      "berth:debug": false,
      "berth:logLevel": "INFO",
      "berth:services": { api: { cpus: os.cpus().length, memory: "512MiB" } },
    },
  });
  await good(command(`${ROOT}/bench/hub/build.sh`, ["kailash"]));
  let outside: Outside | undefined;
  try {
    await project.create();
    await project.setSecrets(kailash.secrets("measure"));
    await good(project.up());
    const { paths, effects, slow } = kailash;
    const service = project.known.behind(paths.data);
    const container = await project.container(service.name);
    const hosts = { edge: await addressOn(await project.container("edge"), "app") };
    outside = new Outside({ container, service, port: 23900, hosts });
    await outside.open();
    const { token } = await kailash.enter(outside.url, "load");
    const answered = async (url: string): Promise<number> => {
      const load = new Load({
        url,
        token: () => token,
        reads: [paths.data],
        posts: 0,
        write: effects.direct.write,
        slowly: slow,
      });
      const { seconds, ok, failures } = await load.saturate(16, 10);
      if (Object.keys(failures).length) throw new Error(`${url}: ${JSON.stringify(failures)}`);
      return seconds / ok;
    };
    const inside = `http://${await addressOn(container, "app")}:${service.port}`;
    for (const url of [inside, outside.url]) await answered(url);
    const { within, without } = await inTurn(RUNS, {
      within: () => answered(inside),
      without: () => answered(outside!.url),
    });
    row(`${service.name} in its container`, `${Math.round(1 / within)} requests/s`);
    row(`${service.name} as a process of this machine`, `${Math.round(1 / without)} requests/s`);
    row("inside / outside", (without / within).toFixed(3), "≥ 0.95 (KD-59, KD-66)");
  } finally {
    await outside?.close();
    await project.remove();
  }
}

const PARTS = { builds, stack, growth, containers };
const asked = process.argv.slice(2);
const unknown = asked.find((name) => !(name in PARTS));
if (unknown) {
  console.error(`no part "${unknown}": ${Object.keys(PARTS).join(", ")}`);
  process.exit(1);
}
for (const [name, part] of Object.entries(PARTS)) if (!asked.length || asked.includes(name)) await part();
const cpu = os.cpus();
const machine = `${cpu.length} cores (${cpu[0]!.model}), ${Math.round(os.totalmem() / 1024 ** 3)} GiB`;
const table = [["what", "figure", "aim"], ["---", "---", "---"], ...ROWS].map((cells) => `| ${cells.join(" | ")} |`);
console.log(`\n${machine}, medians of ${RUNS}\n\n${table.join("\n")}`);
