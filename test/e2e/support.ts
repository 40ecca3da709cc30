/** A copy of this checkout with a stack of its own, driven by the real CLI on the real engine. */
import { execFile, execFileSync, spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { parse, stringify } from "yaml";

export const ROOT = join(import.meta.dirname, "../..");
const run = promisify(execFile);

export interface Deployment {
  readonly resources: readonly {
    readonly type: string;
    readonly urn: string;
    readonly id?: string;
    readonly delete?: boolean;
    readonly outputs?: { readonly name?: string };
  }[];
  readonly pending_operations?: readonly unknown[];
}

export interface Result {
  readonly code: number;
  readonly output: string;
}

/** Runs a command to its end; its exit code is a result, not an exception. */
export async function command(
  file: string,
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string | undefined>; timeout?: number; input?: string } = {},
): Promise<Result> {
  const { promise, resolve, reject } = Promise.withResolvers<Result>();
  const child = spawn(file, args, {
    cwd: options.cwd ?? ROOT,
    env: { ...process.env, ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
    timeout: options.timeout ?? 900_000,
  });
  // What does not read it may end first.
  child.stdin.on("error", () => undefined).end(options.input ?? "");
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      if (process.env["BERTH_TEST_VERBOSE"]) process.stderr.write(chunk);
    });
  child.once("error", reject).once("close", (code) => resolve({ code: code ?? 1, output }));
  return promise;
}

export const docker = async (...args: string[]): Promise<string> =>
  (await run("docker", args, { maxBuffer: 64 * 1024 * 1024 })).stdout.trim();
export const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Tries until it does not throw. @throws the last error when the time is up. */
export async function eventually<T>(attempt: () => Promise<T>, seconds = 30): Promise<T> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > end) throw error;
      await sleep(300);
    }
  }
}

/** Twilio's credentials as no real account has them. */
export const SMS = {
  token: "e2e-0123456789abcdef0123456789abcdef",
  numbers: { "+15550000001": "ann@example.org", "+15550000002": "ben@example.org" },
} as const;

export interface ProjectArgs {
  readonly stack: string;
  /** Stack file to start from. @default dev */
  readonly from?: string;
  /** Up to 23000: beyond, ports are those that the kernel hands out to whoever connects. */
  readonly portOffset: number;
  /** Laid over the stack file; undefined removes a key. */
  readonly config?: Record<string, unknown>;
}

export class Project {
  readonly dir: string;
  readonly stack: string;
  readonly #file: string;

  constructor({ stack, from = "dev", portOffset, config = {} }: ProjectArgs) {
    this.stack = stack;
    this.dir = mkdtempSync(join(tmpdir(), "berth-e2e-"));
    const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
      cwd: ROOT,
      encoding: "utf8",
    })
      .trim()
      .split("\n");
    for (const file of files) {
      mkdirSync(join(this.dir, dirname(file)), { recursive: true });
      cpSync(join(ROOT, file), join(this.dir, file));
    }
    symlinkSync(join(ROOT, "node_modules"), join(this.dir, "node_modules"));
    this.#file = join(this.dir, `Pulumi.${stack}.yaml`);
    const original = parse(readFileSync(join(ROOT, `Pulumi.${from}.yaml`), "utf8")) as {
      config: Record<string, unknown>;
    };
    writeFileSync(this.#file, stringify({ config: { ...original.config, "berth:portOffset": portOffset } }));
    this.configure(config);
  }

  /** Writes keys into the stack file; undefined removes one. */
  configure(values: Record<string, unknown>): void {
    const file = parse(readFileSync(this.#file, "utf8")) as { config: Record<string, unknown> };
    for (const [key, value] of Object.entries(values)) {
      if (value === undefined) delete file.config[key];
      else file.config[key] = value;
    }
    writeFileSync(this.#file, stringify(file));
  }

  get config(): Record<string, unknown> {
    return (parse(readFileSync(this.#file, "utf8")) as { config: Record<string, unknown> }).config;
  }

  /** Changes a file of the copy. */
  edit(file: string, change: (text: string) => string): void {
    const path = join(this.dir, file);
    const before = readFileSync(path, "utf8");
    const after = change(before);
    if (after === before) throw new Error(`${file}: the change changed nothing`);
    writeFileSync(path, after);
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.dir, file), text);
  }
  delete(file: string): void {
    rmSync(join(this.dir, file));
  }

  script(name: string, ...args: string[]): Promise<Result> {
    return command(join(this.dir, "bin", name), args, { cwd: this.dir, env: this.env });
  }
  pulumi(...args: string[]): Promise<Result> {
    return command("pulumi", [...args, "--non-interactive", "--color", "never"], { cwd: this.dir, env: this.env });
  }
  up(): Promise<Result> {
    return this.pulumi("up", "--stack", this.stack, "--yes", "--skip-preview");
  }
  preview(): Promise<Result> {
    return this.pulumi("preview", "--stack", this.stack);
  }
  refresh(): Promise<Result> {
    return this.pulumi("refresh", "--stack", this.stack, "--yes", "--skip-preview");
  }
  async setSecret(name: string, value: string): Promise<void> {
    // By standard input: a certificate begins with dashes, and would be taken for an option.
    const { code, output } = await command(
      "pulumi",
      ["config", "set", "--secret", `berth:${name}`, "--stack", this.stack, "--non-interactive"],
      { cwd: this.dir, env: this.env, input: value },
    );
    if (code !== 0) throw new Error(output);
  }
  async output<T>(name: string, ...flags: string[]): Promise<T> {
    const { stdout } = await run("pulumi", ["stack", "output", name, "--json", "--stack", this.stack, ...flags], {
      cwd: this.dir,
      env: { ...process.env, ...this.env },
    });
    return JSON.parse(stdout) as T;
  }

  /** The state, secrets encrypted. */
  async state(): Promise<Deployment> {
    const { stdout } = await run("pulumi", ["stack", "export", "--stack", this.stack], {
      cwd: this.dir,
      env: { ...process.env, ...this.env },
      maxBuffer: 256 * 1024 * 1024,
    });
    return (JSON.parse(stdout) as { deployment: Deployment }).deployment;
  }
  /** What the state says there is, in the words of `objects`. */
  async declared(): Promise<string[]> {
    return (await this.state()).resources
      .flatMap(({ type, outputs }) =>
        [/^docker:index\/(container|network|volume):/.exec(type)?.[1]]
          .filter(Boolean)
          .map((kind) => `${kind} ${outputs!.name}`),
      )
      .sort();
  }

  /** Everything of this stack on the engine, as `kind name`. */
  async objects(): Promise<string[]> {
    const filter = `label=berth.stack=${this.stack}`;
    const [containers, networks, volumes] = await Promise.all([
      docker("ps", "-a", "--filter", filter, "--format", "container {{.Names}}"),
      docker("network", "ls", "--filter", filter, "--format", "network {{.Name}}"),
      docker("volume", "ls", "--filter", filter, "--format", "volume {{.Name}}"),
    ]);
    return [containers, networks, volumes]
      .flatMap((text) => text.split("\n"))
      .filter(Boolean)
      .sort();
  }
  /** Name → id of the containers of a service. */
  async containers(service?: string): Promise<Map<string, string>> {
    const text = await docker(
      "ps",
      "-a",
      "--no-trunc",
      "--filter",
      `label=berth.stack=${this.stack}`,
      ...(service ? ["--filter", `label=berth.service=${service}`] : []),
      "--format",
      "{{.Names}} {{.ID}}",
    );
    return new Map(
      text
        .split("\n")
        .filter(Boolean)
        .map((line) => line.split(" ") as [string, string]),
    );
  }

  /** Names of the containers of a service that run. */
  async running(service: string): Promise<string[]> {
    return [...(await this.containers(service)).keys()].filter((name) => !name.includes("-seed-")).sort();
  }

  /** Removes everything, data included, whatever state the stack is in; by the engine, which is quick. bin/down has tests of its own. */
  async remove(): Promise<void> {
    const objects = await this.objects();
    // In this order: what is in use cannot be removed.
    for (const [kind, ...options] of [["container", "--force", "--volumes"], ["network"], ["volume"]] as const) {
      const names = objects
        .filter((object) => object.startsWith(`${kind} `))
        .map((object) => object.slice(kind.length + 1));
      if (names.length) await command("docker", [kind, "rm", ...options, ...names]);
    }
    await command("node", ["bin/release.ts", "forget", this.stack], { cwd: this.dir, env: this.env });
    rmSync(this.dir, { recursive: true, force: true });
  }

  readonly env: Record<string, string | undefined> = {
    PULUMI_CONFIG_PASSPHRASE: "e2e",
    BERTH_BENCH: process.env["BERTH_BENCH"],
  };
}

export const engineNow = async (): Promise<number> =>
  Number(await docker("info", "--format", "{{.SystemTime}}").then((text) => Date.parse(text))) / 1000;
