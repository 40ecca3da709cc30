/** A stack whose lines and spans go to stores that can be asked, or to what stands in their places. */
import { planOf } from "../../../bin/stack.ts";
import { command, docker, good, ROOT } from "../../stack/command.ts";
import { Stack } from "../../stack/stack.ts";
import type { Driver, Session } from "../../systems/driver.ts";
import { jaegerSpans, type Lines, Received, type Spans, standInLines, standInSpans, victoriaLogs } from "./received.ts";

const STAND_IN = "berth-test/otlp:1";
interface Stores {
  readonly port: number;
  /** What the bench builds for them. */
  readonly builds: readonly string[];
  readonly images: Readonly<Record<string, string>>;
  readonly lines: (url: string) => Lines;
  readonly spans: (url: string) => Spans;
}
/** What `berth:logs` takes. */
export type Engine = "loki" | "victorialogs";
const STORES: Readonly<Record<Engine, Stores>> = {
  loki: {
    port: 3100,
    builds: [],
    images: { loki: STAND_IN, jaeger: STAND_IN },
    lines: standInLines,
    spans: standInSpans,
  },
  victorialogs: { port: 9428, builds: ["victorialogs", "jaeger"], images: {}, lines: victoriaLogs, spans: jaegerSpans },
};
export const ENGINES = Object.keys(STORES) as Engine[];

/** Grafana's image cannot be had, and nothing stands in its place; nobody has to be told of anything. */
const OFF = ["grafana", "alertmanager"];

export class Told<S extends Session = Session> {
  readonly stack: Stack<S>;
  readonly engine: Engine;
  /** Where its services answer on this machine. */
  urls!: Readonly<Record<string, string>>;
  received!: Received;

  constructor(driver: Driver<S>, name: string, portOffset: number, engine: Engine) {
    this.engine = engine;
    const config = { "berth:baseImages": STORES[engine].images, "berth:backup": undefined };
    this.stack = new Stack(driver, { stack: name, portOffset, config });
  }

  /** What the bench builds for it. */
  get images(): readonly string[] {
    return ["collector", ...STORES[this.engine].builds, this.stack.driver.system];
  }

  async open(): Promise<void> {
    const { port, lines, spans } = STORES[this.engine];
    const { project, driver } = this.stack;
    if (this.engine === "loki") await good(command("docker", ["build", "--tag", STAND_IN, `${ROOT}/test/soak/otlp`]));
    await this.stack.create();
    project.env["BERTH_OFF"] = OFF.join(" ");
    // The bench's engine keeps its files elsewhere.
    const root = await docker("info", "--format", "{{.DockerRootDir}}");
    const ports = project.config["berth:ports"] as Record<string, number>;
    project.configure({
      "berth:dockerRoot": root,
      "berth:logs": this.engine,
      "berth:ports": { ...ports, loki: undefined, [this.engine]: port },
    });
    await project.setSecrets(driver.secrets(""));
    ({ urls: this.urls } = planOf(project.stack, OFF, project.dir));
    this.received = new Received(lines(this.urls[this.engine]!), spans(this.urls["jaeger"]!));
    await this.stack.start();
  }

  async close(): Promise<void> {
    await this.stack.remove();
    if (this.engine === "loki") await command("docker", ["rmi", STAND_IN]);
  }
}
