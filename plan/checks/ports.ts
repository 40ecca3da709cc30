/** Host ports of a stack. Those of its neighbours: plan/neighbours.ts. */
import { type Problem, setCommand } from "../../config/problems.ts";
import type { Context, Notice, PlannedService } from "../types.ts";
import type { Draft } from "./draft.ts";

export function portProblems({ services, context: { settings, stack } }: Draft): Problem[] {
  const taken = new Map<number, string>();
  return services
    .flatMap((service) => service.ports)
    .flatMap(({ endpoint, external }) => {
      const key = `berth:ports.${endpoint}`;
      const fix = setCommand(key, freePort(services, external), stack);
      const other = taken.get(external);
      taken.set(external, endpoint);
      if (external > 65535)
        return [
          {
            key,
            got: `${external} with portOffset ${settings.portOffset}`,
            allowed: "at most 65535",
            fix: setCommand("berth:portOffset", 0, stack),
          },
        ];
      return other === undefined
        ? []
        : [{ key, got: `port ${external}, which berth:ports.${other} has`, allowed: "a port of its own", fix }];
    });
}

/** Ports that Linux hands to connections going out, unless `net.ipv4.ip_local_port_range` was changed. */
const HANDED_OUT = 32_768;

export function portNotices(services: readonly PlannedService[], { stack }: Context): Notice[] {
  const high = services
    .flatMap((service) => service.ports)
    .filter(({ external }) => external >= HANDED_OUT && external <= 65535);
  return high.length === 0
    ? []
    : [
        {
          level: "warning",
          key: "berth:portOffset",
          got: `ports that the kernel also hands to outgoing connections: ${high.map(({ endpoint, external }) => `${endpoint} ${external}`).join(", ")}`,
          allowed: `ports below ${HANDED_OUT}, or reserved ones (sysctl net.ipv4.ip_local_reserved_ports): the engine does not try again to start a container whose port was taken`,
          fix: setCommand("berth:portOffset", 0, stack),
        },
      ];
}

/** The first port from `near` on that no service has. */
export function freePort(services: readonly PlannedService[], near: number): number {
  const taken = new Set(services.flatMap((service) => service.ports.map((port) => port.external)));
  let port = near;
  while (taken.has(port)) port += 1;
  return port;
}
