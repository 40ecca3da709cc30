import { setTimeout as sleep } from "node:timers/promises";
import { type Client, lines } from "../config/docker-client.ts";
import { resourceName } from "../plan/names.ts";
import type { Tried } from "../plan/rehearsal.ts";
import type { Plan } from "../plan/types.ts";

type Ports = Tried["ports"];

/** A container of the stack that has a host port which another one is about to have. */
interface Holder {
  readonly id: string;
  readonly name: string;
  readonly external: number;
}

/** Of whoever is to leave a port, to be tried: an image may have to be built first. */
const PATIENCE = 600_000;
/** Of the engine, to stop it: as long as a container gets at most, and some. */
const STOP = 120;

/** What is made for the first time needs no docker client; a rehearsal does, and ends before anybody is asked here. */
function withoutClient(error: NodeJS.ErrnoException): { stdout: string; stderr: string } {
  if (error.code === "ENOENT") return { stdout: "", stderr: "" };
  throw error;
}

/**
 * Host ports that pass from one single container of a stack to another in one update. A port has one owner, and each
 * container is replaced by itself, in whatever order: so who has the port is stopped before the next one is made, once
 * what replaces both has been tried (docs/decisions/0019-rehearsals.md). One that goes for good is merely stopped.
 */
export class Handover {
  readonly #plan: Plan;
  readonly #client: Client;
  readonly #atOnce: number;
  readonly #tried = new Map<string, PromiseWithResolvers<unknown>>();
  /** Whose replacement is being tried, or was. */
  readonly #begun = new Set<string>();
  /** Who waits → for whom. */
  readonly #waiting = new Map<string, string>();

  /** @param atOnce How many resources the CLI changes at a time (`--parallel`): who waits here is one of them. */
  constructor(plan: Plan, client: Client, atOnce = Infinity) {
    this.#plan = plan;
    this.#client = client;
    this.#atOnce = atOnce;
  }

  /** Other containers of the stack that have these ports at this moment. */
  async holders(name: string, ports: Ports): Promise<Holder[]> {
    const docker = this.#client();
    const label = `label=berth.stack=${this.#plan.stack}`;
    const found = ports.map(async ({ external, protocol }) => {
      const filters = ["--filter", label, "--filter", `publish=${external}/${protocol}`];
      const format = ["--no-trunc", "--format", "{{.ID}} {{.Names}}"];
      return (await lines(docker("ps", ...filters, ...format).catch(withoutClient)))
        .map((line) => line.split(" ") as [string, string])
        .map(([id, holder]): Holder => ({ id, name: holder, external }));
    });
    return (await Promise.all(found)).flat().filter((holder) => holder.name !== name);
  }

  /** What is known of a container's replacement by now. @param trial Rejects where it does not hold. */
  ends(name: string, trial: Promise<unknown>): void {
    this.#begun.add(name);
    trial.then(this.#outcome(name).resolve, this.#outcome(name).reject);
  }

  /** The CLI is done with a container: one whose replacement was not tried may stay (`--target`, `--exclude`). */
  passed(name: string): void {
    this.#outcome(name).resolve(undefined);
  }

  /**
   * Makes others leave the ports that a container is about to have.
   * @throws {Error} where one of them stays, because what would replace it does not hold.
   */
  async take(name: string, ports: Ports): Promise<void> {
    const staying = new Set(
      this.#plan.services.map((service) => resourceName(this.#plan.system, this.#plan.stack, service.name)),
    );
    const holding = await this.holders(name, ports);
    if (holding.length === 0) return;
    for (const holder of holding)
      if (staying.has(holder.name)) await this.#leaves(name, holder).finally(() => this.#waiting.delete(name));
    // Whoever was waited for may have been replaced meanwhile, under the same name.
    for (const holder of await this.holders(name, ports)) {
      if (staying.has(holder.name) && !this.#begun.has(holder.name))
        throw this.#stays(
          name,
          holder,
          "this update leaves it as it is",
          `Without --target and --exclude: ${this.#up}`,
        );
      await this.#client({ timeout: STOP })("stop", holder.id);
    }
  }

  get #up(): string {
    return `bin/up ${this.#plan.stack}`;
  }

  #stays(
    name: string,
    { name: holder, external }: Holder,
    why: string,
    way = "In two updates: first without either of the two ports (berth:ports), then with both",
  ): Error {
    return new Error(
      `${name} cannot have port ${external} of the host: ${holder} has it, and ${why}. Both run as they were. ${way}`,
    );
  }

  async #leaves(name: string, holder: Holder): Promise<void> {
    this.#waiting.set(name, holder.name);
    const unbegun = [...this.#waiting.values()].filter((other) => !this.#begun.has(other));
    if (unbegun.length >= this.#atOnce) {
      const why = `is changed after this one where no more than ${this.#atOnce} at a time are`;
      throw this.#stays(name, holder, why, `Without --parallel and PULUMI_PARALLEL: ${this.#up}`);
    }
    const late = new AbortController();
    try {
      await Promise.race([
        this.#outcome(holder.name).promise.catch(() => {
          throw this.#stays(name, holder, "stays, because what would replace it does not hold");
        }),
        sleep(PATIENCE, undefined, { signal: late.signal }).then(() => {
          throw this.#stays(name, holder, "was not replaced in time");
        }),
      ]);
    } finally {
      late.abort();
    }
  }

  #outcome(name: string): PromiseWithResolvers<unknown> {
    const known = this.#tried.get(name) ?? Promise.withResolvers<unknown>();
    this.#tried.set(name, known);
    // Nobody may ever ask.
    known.promise.catch(() => undefined);
    return known;
  }
}
