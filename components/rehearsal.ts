import { setTimeout as sleep } from "node:timers/promises";
import * as pulumi from "@pulumi/pulumi";
import { resourceName } from "../plan/names.ts";
import { asCommand, createArgs, newPorts, type Tried } from "../plan/rehearsal.ts";
import type { Plan, PlannedService } from "../plan/types.ts";
import { type Client, type Docker, dockerClient } from "../config/docker-client.ts";
import { Handover } from "./handover.ts";
import { Turns } from "./turns.ts";

export interface Rehearsals {
  /** Of the component that holds a single container. */
  readonly hooks: pulumi.ResourceHookBinding;
  /** To be told of every single container. */
  readonly passes: (name: string, container: pulumi.Resource) => void;
}

/** Of a pull. */
const PULL = 1200;
const LINES = 15;
const REFUSED = "the engine refuses it";

/**
 * Before anything of a single container changes, what would replace it is tried beside it, with the very arguments;
 * what fails there fails the update, and the one that runs is not touched. A hook on the update of the component that
 * holds the container: a program that changes nothing runs none (docs/decisions/0019-rehearsals.md).
 *
 * @param host Address of the engine (`docker:host`); absent: the docker client's own choice.
 */
export function rehearsal(plan: Plan, host: string | undefined): Rehearsals {
  const client: Client = (options) => dockerClient(host, options);
  // One at a time: each of them takes memory beside what runs.
  const turns = new Turns(1);
  // As the SDK is told; where it is not, as many as there are.
  const handover = new Handover(plan, client, Number(process.env["PULUMI_NODEJS_PARALLEL"]) || Infinity);
  const update = new pulumi.ResourceHook("berth-rehearsal", async ({ urn, newInputs, oldInputs }) => {
    const [now, before] = await plain<[Tried, Tried | undefined]>([newInputs!["container"], oldInputs?.["container"]]);
    const service = plan.services.find(({ name }) => resourceName(plan.system, plan.stack, name) === now.name)!;
    const trial = turns
      .take(urn)
      .then(() => rehearse(client, service, now, before, handover))
      .finally(() => turns.end(urn));
    handover.ends(now.name, trial);
    await trial;
    await handover.take(now.name, now.ports);
  });
  const create = new pulumi.ResourceHook("berth-ports", async ({ newInputs }) => {
    const { name, ports } = await plain<Tried>(newInputs!["container"]);
    // Nothing is there that would be missed.
    handover.ends(name, Promise.resolve());
    await handover.take(name, ports);
  });
  return {
    hooks: { beforeCreate: [create], beforeUpdate: [update] },
    // It has its URN when the CLI is done with it.
    passes: (name, { urn }) => void plain(urn).then(() => handover.passed(name)),
  };
}

/** What hooks are given may be outputs. */
const plain = <T>(value: unknown): Promise<T> =>
  new Promise((resolve) => (pulumi.output(value) as pulumi.Output<T>).apply(resolve));

/**
 * @param now What it would be made with.
 * @param before What the one that runs was made with; undefined: it runs since before there were rehearsals.
 * @param handover Knows who of the stack has a port.
 * @throws {Error} that says why what would replace it does not hold.
 */
export async function rehearse(
  client: Client,
  service: PlannedService,
  now: Tried,
  before: Tried | undefined,
  handover: Pick<Handover, "holders">,
): Promise<void> {
  const docker = client({ timeout: 60 });
  const trial = { name: `${now.name}-rehearsal`, labels: { "berth.stack": service.labels["berth.stack"]! } };
  const remove = () => docker("rm", "--force", "--volumes", trial.name);
  try {
    await remove().catch(() => undefined);
    await said(pulled(client, now.image), "its image cannot be had");
    const fresh = before ? newPorts(now.ports, before.ports) : [];
    const held = new Set((await handover.holders(now.name, fresh)).map(({ external }) => external));
    // What another container of the stack is about to leave cannot be taken yet; its address can, by another port.
    const ports = fresh.map((port) => (held.has(port.external) ? { ...port, external: 0 } : port));
    if (ports.length > 0) {
      const [, ...others] = now.networksAdvanced ?? [];
      const nothing = createArgs(now, { ...trial, ports, entrypoint: "true", command: [] });
      await said(docker("create", ...nothing), REFUSED);
      for (const { name } of others) await docker("network", "connect", name, trial.name);
      // The init process starts, and with it the ports are taken, whether or not the image has such a program.
      await said(docker("start", trial.name), `it cannot have port ${list(ports)} of the host`);
      await remove();
    }
    const { command, follows } = service.rehearsal ?? {};
    await said(docker("create", ...createArgs(now, { ...trial, ...service.rehearsal })), REFUSED);
    await said(docker("start", trial.name), "it does not start");
    // It begins from nothing, with what the others leave it of the processor.
    const patience = 2 * service.waitTimeout;
    if (command) await ended(docker, trial.name, patience);
    else await healthy(docker, trial.name, asCommand(now.healthcheck.tests), patience);
    // One that is not well may be what the update mends: it has no say.
    if (follows && (await isHealthy(docker, now.name))) {
      const { stdout: input } = await said(docker("exec", now.name, ...follows.tells), "the one that runs says");
      const takes = client({ timeout: 60, input })("exec", "--interactive", trial.name, ...follows.takes);
      await said(takes, "it cannot go on from the one that runs");
    }
  } catch (error) {
    throw new Error(
      `${now.name} was not touched. What would replace it was tried beside it: ${(error as Error).message}`,
    );
  } finally {
    await remove().catch(() => undefined);
  }
}

async function pulled(client: Client, image: string): Promise<unknown> {
  try {
    return await client()("image", "inspect", "--format", "{{.Id}}", image);
  } catch (error) {
    if (image.startsWith("sha256:")) throw error;
    return client({ timeout: PULL })("pull", "--quiet", image);
  }
}

/** What the docker client says went wrong: neither the command line nor standard output, which may hold a secret. */
async function said<T>(asked: Promise<T>, meaning: string): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    const { stderr, code } = error as { stderr?: string; code?: string | number };
    const words = stderr?.trim() || `docker ended with ${code ?? "no answer in time"}`;
    throw new Error(`${meaning}: ${words.split("\n").slice(-LINES).join("\n")}`);
  }
}

interface State {
  readonly running: boolean;
  readonly code: number;
  /** The kernel ended something in it for its memory. */
  readonly killed: boolean;
}

async function stateOf(docker: Docker, name: string): Promise<State> {
  const { stdout } = await docker(
    "inspect",
    "--format",
    "{{.State.Running}} {{.State.ExitCode}} {{.State.OOMKilled}}",
    name,
  );
  const [running, code, killed] = stdout.trim().split(" ");
  return { running: running === "true", code: Number(code), killed: killed === "true" };
}

const isHealthy = (docker: Docker, name: string): Promise<boolean> =>
  docker("inspect", "--format", "{{.State.Health.Status}}", name).then(
    ({ stdout }) => stdout.trim() === "healthy",
    () => false,
  );

async function ended(docker: Docker, name: string, patience: number): Promise<void> {
  for (const end = Date.now() + patience * 1000; ; await sleep(500)) {
    const state = await stateOf(docker, name);
    if (!state.running && state.code === 0) return;
    if (!state.running) throw await failure(docker, name, endOf(state));
    if (Date.now() > end) throw await failure(docker, name, `it did not end within ${patience} s`);
  }
}

async function healthy(docker: Docker, name: string, test: readonly string[], patience: number): Promise<void> {
  for (const end = Date.now() + patience * 1000; ; await sleep(1000)) {
    const state = await stateOf(docker, name);
    if (!state.running) throw await failure(docker, name, endOf(state));
    try {
      await said(docker("exec", name, ...test), `it was not healthy within ${patience} s`);
      return;
    } catch (error) {
      if (Date.now() > end) throw await failure(docker, name, (error as Error).message);
    }
  }
}

const endOf = ({ code, killed }: State): string => `it ended with ${code}${killed ? ", out of memory" : ""}`;

async function failure(docker: Docker, name: string, what: string): Promise<Error> {
  const { stdout, stderr } = await docker("logs", "--tail", String(LINES), name);
  return new Error(`${what}. Its last words:\n${`${stdout}${stderr}`.trimEnd() || "(it wrote nothing)"}`);
}

const list = (ports: Tried["ports"]): string =>
  ports.map(({ ip, external }) => `${ip}:${external === 0 ? "(any)" : external}`).join(", ");
