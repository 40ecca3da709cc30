/** A stack that serves under load while something happens to it: what the tests of promises share. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { type LoadArgs, type LoadReport, underLoad } from "../load/load.ts";
import { Client } from "./client.ts";
import { FULL } from "./engine.ts";
import { docker, eventually, Project, type Result } from "./support.ts";

export interface ServingArgs {
  readonly stack: string;
  readonly portOffset: number;
  /** Stack file to start from. @default dev */
  readonly from?: string;
  /** Laid over stage's shape: built images, no source mounts. */
  readonly config?: Record<string, unknown>;
}

export interface UnderLoad extends Pick<LoadArgs, "posts" | "write" | "timeout"> {
  /** Seconds that a slow request takes. @default 8 */
  readonly slow?: number;
  /** Share of the load. A machine that builds or restarts meanwhile has less to give. @default 1 */
  readonly share?: number;
}

/** Share of the common load: all of it in a long run, half of it in CI, whose machine also holds the engine and the load itself. */
const COMMON = FULL ? 1 : 0.5;

type Values = Record<string, unknown>;

export class Serving {
  readonly project: Project;
  readonly edge: string;
  readonly ca: string | undefined;
  client!: Client;

  /** @param ca Certificate of the authority that signs the edge's; the edge then speaks TLS. */
  constructor({ stack, portOffset, from = "dev", config = {} }: ServingArgs, ca?: string) {
    this.project = new Project({
      stack,
      portOffset,
      from,
      config: {
        "berth:imageTarget": "runtime",
        "berth:sourceMounts": false,
        "berth:debug": false,
        "berth:logLevel": "INFO",
        "berth:settle": 3,
        "berth:waitTimeout": 45,
        "berth:services": { api: { replicas: 2, environment: { RATE_LIMIT_PER_MINUTE: 0, JWT_ACCESS_TTL: 86400 } } },
        ...config,
      },
    });
    this.ca = ca;
    const { edge } = this.project.config["berth:ports"] as { edge: number };
    this.edge = ca === undefined ? `http://127.0.0.1:${edge + portOffset}` : `https://127.0.0.1:${8443 + portOffset}`;
  }

  async start(): Promise<void> {
    const { stack } = this.project;
    await this.project.pulumi("stack", "select", stack, "--create");
    await good(this.project.up());
    this.client = await eventually(() => new Client(this.edge).enter("load@example.org"));
  }

  /** Settings of one service, laid over those it has. */
  set(service: string, values: Values): void {
    const services = (this.project.config["berth:services"] ?? {}) as Record<string, Values>;
    this.project.configure({ "berth:services": { ...services, [service]: { ...services[service], ...values } } });
  }
  /** Environment of one service, laid over what it has; undefined removes. */
  environment(service: string, values: Values): void {
    const services = (this.project.config["berth:services"] ?? {}) as Record<string, { environment?: Values }>;
    const environment = Object.fromEntries(
      Object.entries({ ...services[service]?.environment, ...values }).filter(([, value]) => value !== undefined),
    );
    this.set(service, { environment });
  }

  underLoad(work: () => Promise<void>, { slow = 8, share = 1, ...more }: UnderLoad = {}): Promise<LoadReport> {
    return underLoad(
      {
        url: this.edge,
        token: this.client.token,
        slow,
        kept: 150 * share * COMMON,
        fresh: 50 * share * COMMON,
        ...more,
        ...(this.ca === undefined ? {} : { ca: this.ca }),
      },
      work,
    );
  }

  /** Rows of a query, as psql prints them. */
  async query(sql: string): Promise<string> {
    // By standard input: thousands of ids are too long for a command line.
    const psql = execFile("docker", [
      "exec",
      "-i",
      `assistant-${this.project.stack}-postgres`,
      "psql",
      "-qAtX",
      "-U",
      "postgres",
      "-d",
      this.project.config["berth:database"] as string,
    ]);
    psql.stdin!.end(sql);
    let rows = "";
    for await (const chunk of psql.stdout!) rows += String(chunk);
    return rows.trim();
  }

  /** Each acknowledged POST is there, and ran once. */
  async assertOnce(acknowledged: readonly string[]): Promise<void> {
    const ids = acknowledged.map((id) => `'${id}'`).join(",");
    assert.equal(
      await this.query(
        `SELECT count(*) FILTER (WHERE attempts > 1), ${acknowledged.length} - count(*) FROM events WHERE id IN (${ids});`,
      ),
      "0|0",
      "doubled or missing events",
    );
  }

  /** Nothing failed; each acknowledged POST is there, and ran once. */
  async assertLossless(report: LoadReport): Promise<void> {
    const { sent, ok, slowSent, slowOk, failures, acknowledged, p50, p99 } = report;
    assert.deepEqual(failures, {}, JSON.stringify({ ...report, acknowledged: acknowledged.length }));
    assert.deepEqual([ok, slowOk], [sent, slowSent]);
    assert.ok(sent > 300 && acknowledged.length > 30, `${sent} sent`);
    await this.assertOnce(acknowledged);
    console.log(`      ${sent} requests, ${slowSent} slow, 0 failed, 0 doubled; p50 ${p50} ms, p99 ${p99} ms`);
  }

  /** The routes that the edge serves by now. */
  routes(): Promise<string> {
    return docker("exec", `assistant-${this.project.stack}-edge`, "cat", "/live/current/upstreams");
  }

  /**
   * A release that must fail, applied twice: the provider's own answer to a second attempt is to call the first one good
   * (docker-provider.md A19). Meanwhile the old version serves everything.
   */
  async failsClosed(change: () => void | Promise<void>, culprit: readonly RegExp[]): Promise<void> {
    const before = await this.project.containers("api");
    const routes = await this.routes();
    await this.assertLossless(
      await this.underLoad(
        async () => {
          await change();
          for (const attempt of [1, 2]) {
            const { code, output } = await this.project.up();
            assert.notEqual(code, 0, `attempt ${attempt} was accepted:\n${output}`);
            for (const words of culprit) assert.match(output, words);
          }
          const after = await this.project.containers("api");
          for (const [name, id] of before) assert.equal(after.get(name), id, `${name} is gone`);
          assert.equal(await this.routes(), routes);
        },
        { share: 0.5 },
      ),
    );
  }

  /** The next good release needs nothing but itself, and leaves nothing behind. */
  async recovers(): Promise<void> {
    await good(this.project.up());
    assert.deepEqual(await this.project.objects(), await this.project.declared());
    const { resources } = await this.project.state();
    assert.equal(resources.filter((resource) => resource.delete).length, 0);
  }
}

export async function good(result: Promise<Result>): Promise<void> {
  const { code, output } = await result;
  assert.equal(code, 0, output);
}
