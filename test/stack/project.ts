/** A copy of a checkout with a stack of its own, driven by the real CLI on the real engine. */
import { execFile, execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { parse, stringify } from "yaml";
import type { Plan } from "../../plan/types.ts";
import { type Checkout, copyCheckout } from "./checkout.ts";
import { command, docker, good, type Result } from "./command.ts";
import { hold } from "./hold.ts";
import { knownTo } from "./known.ts";

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

export interface ProjectArgs {
  readonly stack: string;
  /** Stack file to start from. @default dev */
  readonly from?: string;
  /** Up to 23000: beyond, ports are those that the kernel hands out to whoever connects. */
  readonly portOffset: number;
  /** Laid over the stack file; undefined removes a key. */
  readonly config?: Record<string, unknown>;
  /** What it is a copy of. @default this checkout */
  readonly checkout?: Checkout;
}

export class Project {
  readonly stack: string;
  readonly #args: ProjectArgs;
  #dir: string | undefined;

  constructor(args: ProjectArgs) {
    this.#args = args;
    this.stack = args.stack;
  }

  /** Makes the copy and the stack's file. @throws {Error} where another run is at work on a stack of this name. */
  async create(): Promise<void> {
    const { from = "dev", portOffset, config = {} } = this.#args;
    const checkout: Checkout = this.#args.checkout ?? copyCheckout;
    await hold(this.stack);
    this.#dir = mkdtempSync(join(tmpdir(), "berth-e2e-"));
    await checkout(this.dir);
    const original = parse(this.read(`Pulumi.${from}.yaml`)) as { config: Record<string, unknown> };
    writeFileSync(this.#file, stringify({ config: { ...original.config, "berth:portOffset": portOffset } }));
    this.configure(config);
    await good(this.pulumi("stack", "select", this.stack, "--create"));
  }

  /** Puts other files into the folder, as git does with another commit: the stack's file and its state stay. */
  async checkOut(checkout: Checkout): Promise<void> {
    const stays = [".state", basename(this.#file)];
    for (const name of readdirSync(this.dir).filter((found) => !stays.includes(found)))
      rmSync(join(this.dir, name), { recursive: true });
    await checkout(this.dir);
  }

  /** Folder of the copy. @throws {Error} before `create`. */
  get dir(): string {
    if (this.#dir === undefined) throw new Error(`the copy of ${this.stack} is not made yet`);
    return this.#dir;
  }
  get #file(): string {
    return join(this.dir, `Pulumi.${this.stack}.yaml`);
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
  /** Lays keys over the stack file while something is done. */
  async configured<T>(values: Record<string, unknown>, work: () => Promise<T>): Promise<T> {
    const { config } = this;
    this.configure(values);
    try {
      return await work();
    } finally {
      this.configure(Object.fromEntries(Object.keys(values).map((key) => [key, config[key]])));
    }
  }

  /** Settings of one service, laid over those it has. */
  set(service: string, values: Record<string, unknown>): void {
    const services = (this.config["berth:services"] ?? {}) as Record<string, Record<string, unknown>>;
    this.configure({ "berth:services": { ...services, [service]: { ...services[service], ...values } } });
  }
  /** Environment of one service, laid over what it has; undefined removes. */
  environment(service: string, values: Record<string, unknown>): void {
    const services = (this.config["berth:services"] ?? {}) as Record<string, { environment?: Record<string, unknown> }>;
    const all = Object.entries({ ...services[service]?.environment, ...values });
    this.set(service, { environment: Object.fromEntries(all.filter(([, value]) => value !== undefined)) });
  }

  /** Changes a file of the copy. @throws {Error} where the change changes nothing. */
  edit(file: string, change: (text: string) => string): void {
    const before = this.read(file);
    const after = change(before);
    if (after === before) throw new Error(`${file}: the change changed nothing`);
    writeFileSync(join(this.dir, file), after);
  }
  /** Puts text before the first occurrence of another one. @returns what takes it out again. */
  insert(file: string, before: string, text: string): () => void {
    this.edit(file, (whole) => whole.replace(before, () => `${text}${before}`));
    return () => this.edit(file, (whole) => whole.replace(text, () => ""));
  }
  read(file: string): string {
    return readFileSync(join(this.dir, file), "utf8");
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
  preview(...flags: string[]): Promise<Result> {
    return this.pulumi("preview", "--stack", this.stack, ...flags);
  }
  refresh(): Promise<Result> {
    return this.pulumi("refresh", "--stack", this.stack, "--yes", "--skip-preview");
  }
  async setSecret(name: string, value: string): Promise<void> {
    // By standard input: a certificate begins with dashes, and would be taken for an option.
    await good(
      command("pulumi", ["config", "set", "--secret", `berth:${name}`, "--stack", this.stack, "--non-interactive"], {
        cwd: this.dir,
        env: this.env,
        input: value,
      }),
    );
  }
  /** All of them by one run of the CLI. */
  async setSecrets(values: Readonly<Record<string, string>>): Promise<void> {
    const pairs = Object.entries(values).flatMap(([name, value]) => ["--secret", `berth:${name}=${value}`]);
    await good(this.pulumi("config", "set-all", ...pairs, "--stack", this.stack));
  }
  async output<T>(name: string, ...flags: string[]): Promise<T> {
    const { output } = await good(this.pulumi("stack", "output", name, "--json", "--stack", this.stack, ...flags));
    return JSON.parse(output) as T;
  }

  /** The plan of the copy, as it is by now. It is made anew only where a file that it is made of has changed. */
  plan(): Plan {
    // A former version does not have all of them.
    const folders = ["config", "data", "edge", "monitoring", "plan", "services/python", "systems"]
      .map((name) => join(this.dir, name))
      .filter((folder) => existsSync(folder));
    const files = folders.flatMap((folder) =>
      readdirSync(folder, { recursive: true, withFileTypes: true }).map(({ name, parentPath }) =>
        join(parentPath, name),
      ),
    );
    const state = [this.#file, ...files].map((file) => `${file} ${statSync(file).mtimeMs}`).join("\n");
    if (this.#planned?.state !== state) this.#planned = { state, plan: this.#makePlan() };
    return this.#planned.plan;
  }
  #planned: { readonly state: string; readonly plan: Plan } | undefined;
  #makePlan(): Plan {
    const text = execFileSync(process.execPath, ["bin/plan.ts", this.stack, "--json"], {
      cwd: this.dir,
      env: { ...process.env, ...this.env },
      encoding: "utf8",
      maxBuffer: 1 << 26,
    });
    return JSON.parse(text) as Plan;
  }
  /** What tests ask of the plan. */
  get known(): ReturnType<typeof knownTo> {
    return knownTo(this.plan());
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
  /** @throws {Error} where the engine holds anything else than the state says, or an operation is pending. */
  async assertDeclared(): Promise<void> {
    const [objects, declared, { resources, pending_operations: pending = [] }] = [
      await this.objects(),
      await this.declared(),
      await this.state(),
    ];
    const left = [
      ...objects.filter((one) => !declared.includes(one)).map((one) => `undeclared: ${one}`),
      ...declared.filter((one) => !objects.includes(one)).map((one) => `missing: ${one}`),
      ...resources.filter((resource) => resource.delete).map(({ urn }) => `to be deleted: ${urn}`),
      ...pending.map(() => "a pending operation"),
    ];
    if (left.length > 0) throw new Error(left.join("\n"));
  }
  /** Lines about the stack's containers, or a service's, also of those that do not run. */
  async #containers(format: string, service?: string): Promise<string[]> {
    const labels = [`berth.stack=${this.stack}`, ...(service ? [`berth.service=${service}`] : [])];
    const filters = labels.flatMap((label) => ["--filter", `label=${label}`]);
    return (await docker("ps", "-a", "--no-trunc", ...filters, "--format", format)).split("\n").filter(Boolean);
  }
  /** The same without those that carry files, which never start. */
  async #started(format: string, service?: string): Promise<string[]> {
    const lines = await this.#containers(`{{.State}} ${format}`, service);
    return lines.filter((line) => !line.startsWith("created ")).map((line) => line.slice(line.indexOf(" ") + 1));
  }
  /** Name → id of the containers of a service, those that only carry files as well. */
  async containers(service?: string): Promise<Map<string, string>> {
    const lines = await this.#containers("{{.Names}} {{.ID}}", service);
    return new Map(lines.map((line) => line.split(" ") as [string, string]));
  }
  /** Names of the containers of a service that run, or did. */
  async running(service: string): Promise<string[]> {
    return (await this.#started("{{.Names}}", service)).sort();
  }
  /** The one container of a service. @throws {Error} where there are more, or none. */
  async container(service: string): Promise<string> {
    const names = await this.running(service);
    if (names.length !== 1) throw new Error(`${service}: ${names.join(", ") || "no container"}`);
    return names[0]!;
  }
  /** Service → ids of its containers. A single service's has the same name each time. */
  async byService(): Promise<Record<string, readonly string[]>> {
    const lines = (await this.#started('{{.Label "berth.service"}} {{.ID}}')).map((line) => line.split(" "));
    const ids = Map.groupBy(lines, ([service]) => service!);
    return Object.fromEntries([...ids].map(([service, all]) => [service, all.map(([, id]) => id!).sort()]));
  }
  /** Containers that are not healthy, with what the engine says of them. */
  async unhealthy(): Promise<string[]> {
    return (await this.#started("{{.Names}} {{.Status}}")).filter((line) => !line.includes("(healthy)"));
  }

  /**
   * Removes everything, data included, whatever state the stack is in; by the engine, which
   * is quick. bin/down has tests of its own.
   */
  async remove(): Promise<void> {
    if (this.#dir === undefined) return;
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
