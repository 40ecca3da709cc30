/** A stack of a system that serves under load while something happens to it: what the promises share. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { type LoadArgs, type LoadReport, underLoad } from "../load/load.ts";
import type { Driver, Session } from "../systems/driver.ts";
import { ALL, OWN } from "../length.ts";
import type { Authority } from "./authority.ts";
import { keptOnce } from "./ledger.ts";
import { docker, eventually, good } from "./command.ts";
import { Project, type ProjectArgs } from "./project.ts";

export interface StackArgs extends ProjectArgs {
  /** Who signs the edge's certificate, which the caller sets; the edge then speaks TLS. */
  readonly authority?: Authority;
}

export interface UnderLoad extends Partial<Pick<LoadArgs, "posts" | "reads" | "write" | "timeout" | "slow">> {
  /** Share of the load. A machine that builds or restarts meanwhile has less to give. @default 1 */
  readonly share?: number;
}

/**
 * Share of the common load: all of it in a long run, half of it in the gate, whose machine
 * also holds the engine and the load itself.
 */
const COMMON = ALL ? 1 : 0.5;

/** Seconds for a release that nothing can make good: the provider waits for all of them (docs/provider.md A2). */
const HOPELESS = 20;

/** As production runs it: built images, no source mounts. */
const BUILT = {
  "berth:imageTarget": "runtime",
  "berth:sourceMounts": false,
  "berth:debug": false,
  "berth:logLevel": "INFO",
  "berth:settle": 3,
  // Half of it is what a request may take that began before a release.
  "berth:waitTimeout": 90,
};

export class Stack<S extends Session = Session> {
  readonly project: Project;
  readonly driver: Driver<S>;
  readonly authority: Authority | undefined;
  session!: S;
  #edge: string | undefined;
  #reads: readonly string[] = [];

  constructor(driver: Driver<S>, { authority, config = {}, ...args }: StackArgs) {
    this.driver = driver;
    this.authority = authority;
    this.project = new Project({ from: driver.from, ...args, config: { ...BUILT, ...driver.config, ...config } });
  }

  /** Copies the checkout. */
  async create(): Promise<void> {
    await this.project.create();
    const ports = this.project.config["berth:ports"] as object;
    if (this.authority) this.project.configure({ "berth:ports": { ...ports, "edge-tls": 8443 } });
  }
  /** Provisions the stack and logs in. */
  async start(): Promise<void> {
    await good(this.project.up());
    await this.enter();
  }
  /** Logs in, and finds what the load may read: what the driver names, and what else answers a public path. */
  async enter(): Promise<void> {
    this.session = await eventually(() => this.driver.enter(this.edge, "load"), 60);
    const { light } = this.driver.paths;
    const probes = this.project.known.checks;
    const answered = await Promise.all(probes.map(async (path) => (await this.session.get(path)).status === 200));
    const others = probes.filter((path, n) => answered[n] && path !== light);
    // Three reads in four are the driver's own.
    this.#reads = others.flatMap((path) => [light, light, light, path]);
    if (others.length === 0) this.#reads = [light];
  }
  /** What the load reads that no store answers. */
  get storeless(): readonly string[] {
    return this.#reads.filter((path) => !this.driver.paths.data.startsWith(path));
  }
  /** URL of the edge. */
  get edge(): string {
    return (this.#edge ??= this.project.plan().publicUrl);
  }

  underLoad(
    work: () => Promise<void>,
    { slow = ALL ? 8 : 4, share = 1, ...more }: UnderLoad = {},
  ): Promise<LoadReport> {
    const { share: most = 1, ...own } = this.driver.load ?? {};
    const part = Math.min(share, most) * COMMON;
    return underLoad(
      {
        url: this.edge,
        token: () => this.session.token,
        reads: this.#reads,
        write: this.driver.effects.direct.write,
        slowly: this.driver.slow,
        slow,
        kept: 150 * part,
        fresh: 50 * part,
        ...own,
        ...more,
        ...(this.authority ? { ca: this.authority.certificate } : {}),
      },
      work,
    );
  }

  /** Something is done under load: nothing fails; each acknowledged write took place once. */
  async lossless(work: () => Promise<void>, load: UnderLoad = {}): Promise<LoadReport> {
    const report = await this.underLoad(work, load);
    const { sent, ok, slowSent, slowOk, failures, acknowledged, p50, p99 } = report;
    assert.deepEqual(failures, {}, JSON.stringify({ ...report, failed: undefined, acknowledged: acknowledged.length }));
    assert.deepEqual([ok, slowOk], [sent, slowSent]);
    assert.ok(sent > 300 && acknowledged.length > 30, `${sent} sent`);
    await keptOnce(this, this.driver.effects.direct, acknowledged);
    console.log(`      ${sent} requests, ${slowSent} slow, 0 failed, 0 doubled; p50 ${p50} ms, p99 ${p99} ms`);
    return report;
  }

  /** The routes that the edge serves by now. */
  async routes(): Promise<string> {
    return this.read(await this.project.container("edge"), "/live/current/upstreams");
  }
  /** A file in a container. */
  read(container: string, file: string): Promise<string> {
    return docker("exec", container, "cat", file);
  }
  /** Runs the health check of a service in one of its containers, as the engine does. @throws {Error} where it fails */
  async check(service: string, container: string): Promise<void> {
    const [how, ...words] = this.project.known.service(service).health.test;
    await docker("exec", container, ...(how === "CMD-SHELL" ? ["sh", "-c", words[0]!] : words));
  }
  async isReady(): Promise<void> {
    assert.equal((await this.session.get(this.driver.paths.data)).status, 200);
  }

  /**
   * A release that must fail. It is applied twice, because the provider's own answer to a second attempt is to call the
   * first one good (docs/provider.md A19), whatever the system. Meanwhile the old version serves everything.
   *
   * @returns what each attempt said.
   */
  async failsClosed(change: () => void | Promise<void>, culprit: readonly RegExp[]): Promise<readonly string[]> {
    const outputs: string[] = [];
    const before = await this.serving();
    const routes = await this.routes();
    const attempt = async () => {
      await change();
      for (const n of OWN ? [1] : [1, 2]) {
        const { code, output } = await this.project.up();
        outputs.push(output);
        assert.notEqual(code, 0, `attempt ${n} was accepted:\n${output}`);
        for (const words of culprit) assert.match(output, words);
      }
      const after = await this.project.containers();
      for (const [name, id] of before) assert.equal(after.get(name), id, `${name} is gone`);
      assert.deepEqual(await this.strangers(before), [], "what failed goes on");
      assert.equal(await this.routes(), routes);
    };
    const shortly = () => this.project.configured({ "berth:waitTimeout": HOPELESS }, attempt);
    await this.lossless(shortly, { share: 0.5 });
    return outputs;
  }
  /** The containers of everything that answers users. */
  private async serving(): Promise<Map<string, string>> {
    const all = await Promise.all(this.project.known.publicly.map(({ name }) => this.project.containers(name)));
    return new Map(all.flatMap((found) => [...found]));
  }
  /** Containers of what answers users that run, are none of these, and are not healthy. */
  private async strangers(known: ReadonlyMap<string, string>): Promise<string[]> {
    const answers = new Set(this.project.known.publicly.map(({ name }) => name));
    const ours = ["--filter", `label=berth.stack=${this.project.stack}`];
    const all = await docker("ps", ...ours, "--format", '{{.Label "berth.service"}} {{.Names}} {{.Status}}');
    return all
      .split("\n")
      .filter((line) => !line.endsWith("(healthy)"))
      .map((line) => line.split(" ") as [string, string])
      .flatMap(([service, name]) => (answers.has(service) && !known.has(name) ? [name] : []));
  }
  /** The next good release needs nothing but itself, and leaves nothing behind. */
  async recovers(): Promise<void> {
    await good(this.project.up());
    await this.project.assertDeclared();
  }

  /** Rows of a query, as psql prints them. */
  async query(sql: string): Promise<string> {
    // By standard input: thousands of ids are too long for a command line.
    const container = await this.project.container("postgres");
    const database = String(this.project.plan().database);
    const psql = execFile("docker", ["exec", "-i", container, "psql", "-qAtX", "-U", "postgres", "-d", database]);
    psql.stdin!.end(sql);
    let rows = "";
    for await (const chunk of psql.stdout!) rows += String(chunk);
    return rows.trim();
  }

  remove(): Promise<void> {
    return this.project.remove();
  }
}
