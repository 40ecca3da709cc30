import { setTimeout as sleep } from "node:timers/promises";
import { lines } from "../config/docker-client.ts";
import { resourceName } from "../plan/names.ts";
import type { Tried } from "../plan/rehearsal.ts";
import type { Plan } from "../plan/types.ts";
import type { Client } from "./rehearsal.ts";

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
  readonly #tried = new Map<string, PromiseWithResolvers<unknown>>();

  constructor(plan: Plan, client: Client) {
    this.#plan = plan;
    this.#client = client;
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
    trial.then(this.#outcome(name).resolve, this.#outcome(name).reject);
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
    for (const holder of holding) if (staying.has(holder.name)) await this.#leaves(name, holder);
    // Whoever was waited for may have been replaced meanwhile, under the same name.
    for (const { id } of await this.holders(name, ports)) await this.#client({ timeout: STOP })("stop", id);
  }

  async #leaves(name: string, holder: Holder): Promise<void> {
    const late = new AbortController();
    const stays = (why: string): Error =>
      new Error(
        `${name} cannot have port ${holder.external} of the host: ${holder.name} has it, and ${why}. Both run as they were. In two updates: first without either of the two ports (berth:ports), then with both`,
      );
    try {
      await Promise.race([
        this.#outcome(holder.name).promise.catch(() => {
          throw stays("stays, because what would replace it does not hold");
        }),
        sleep(PATIENCE, undefined, { signal: late.signal }).then(() => {
          throw stays("was not replaced in time");
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
