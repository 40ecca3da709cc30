/** Dev, stage and prod of the assistant on one engine: their own shapes, made small. */
import { at } from "../../stack/reach.ts";
import { good } from "../../stack/command.ts";
import { Project } from "../../stack/project.ts";
import { Stack } from "../../stack/stack.ts";
import { assistant } from "../../systems/assistant/driver.ts";

/** Three systems, nearly 60 containers, on two cores. */
const small = (...replicas: readonly [api: number, agent: number, worker: number, sms: number]) => ({
  "berth:services": {
    api: {
      replicas: replicas[0],
      memory: "512MiB",
      cpus: 1,
      environment: { RATE_LIMIT_PER_MINUTE: 0, JWT_ACCESS_TTL: 86400 },
    },
    agent: { replicas: replicas[1], memory: "384MiB", cpus: 0.5 },
    worker: { replicas: replicas[2], memory: "512MiB", cpus: 0.5 },
    "sms-router": { replicas: replicas[3], memory: "256MiB", cpus: 0.5 },
    postgres: { memory: "768MiB", cpus: 1 },
    redis: { memory: "256MiB", cpus: 0.5 },
  },
});
export const OFFSETS = { dev: 10000, stage: 11000, prod: 12000 } as const;

export class Three {
  readonly dev = new Project({ stack: "e2e-dev", portOffset: OFFSETS.dev, config: small(1, 1, 1, 1) });
  readonly stage = new Project({
    stack: "e2e-stage",
    from: "stage",
    portOffset: OFFSETS.stage,
    config: { "berth:settle": 0, ...small(2, 1, 1, 1) },
  });
  /** Prod, which can be put under load. */
  readonly serving = new Stack(assistant, {
    stack: "e2e-prod",
    from: "prod",
    portOffset: OFFSETS.prod,
    // Not on every address of the machine that tests.
    config: { "berth:bindAddress": "127.0.0.1", "berth:waitTimeout": 120, ...small(2, 2, 1, 1) },
  });
  readonly prod = this.serving.project;
  readonly all = [this.dev, this.stage, this.prod] as const;

  others(project: Project): Project[] {
    return this.all.filter((other) => other !== project);
  }
  async start(): Promise<void> {
    for (const project of [this.dev, this.stage]) await project.create();
    await this.serving.create();
    // Gives the agent of one stack a way out: the control of those that have none.
    await this.dev.setSecret("llmApiKey", "sk-none-0123456789");
    for (const project of [this.dev, this.stage]) await good(project.up());
    await this.serving.start();
  }
  async remove(): Promise<void> {
    for (const project of this.all) await project.remove();
  }
}

/** Services that hold the data. */
export const STORES: readonly string[] = assistant.stores.map(({ service }) => service);

/** Where a container is on a port, as the plan has it: by each of its addresses. */
export const atPortOf = (project: Project, service: string, container: string): Promise<string[]> =>
  at(container, project.known.service(service).port!);
