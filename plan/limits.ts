/** Limits: what the catalogue proposes, what the stack file changes, what the host has. */
import { mebibytes, type ServiceSettings } from "../config/schema.ts";
import type { Limits } from "./types.ts";

export function resolveLimits(base: Limits, own: ServiceSettings = {}): Limits {
  return {
    memory: own.memory === undefined ? base.memory : mebibytes(own.memory),
    cpus: own.cpus ?? base.cpus,
    ...reservation(base, own),
  };
}

function reservation(base: Limits, own: ServiceSettings): Pick<Limits, "reserveMemory" | "reserveCpus"> {
  const memory = own.reserveMemory === undefined ? base.reserveMemory : mebibytes(own.reserveMemory);
  const cpus = own.reserveCpus ?? base.reserveCpus;
  return {
    ...(memory === undefined ? {} : { reserveMemory: memory }),
    ...(cpus === undefined ? {} : { reserveCpus: cpus }),
  };
}

/** MiB below which no stack file may go. @param proposed By the catalogue. */
export const leastOf = ({ memory, least = Math.ceil(memory / 4) }: Limits): number => least;

/** The provider keeps at least one decimal in its state; `1` would be replaced at every `up`. */
export const formatCpus = (cpus: number): string => (Number.isInteger(cpus) ? `${cpus}.0` : String(cpus));

/** A weight, not a guarantee: the engine's default of 1024 stands for one core. */
export const cpuShares = (cpus: number): number => Math.round(cpus * 1024);
