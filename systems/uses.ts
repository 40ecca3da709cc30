/** What follows from `uses`: networks, order, addresses and pools of the stores that a service names. */
import type { ServiceSpec } from "../plan/types.ts";
import type { Args } from "./part.ts";
import type { Store } from "./stores/store.ts";

/** What an entry says itself counts more. A name that no store has is refused by the plan (plan/checks). */
export const withStores = (spec: ServiceSpec, stores: readonly Store[], args: Args): ServiceSpec =>
  (spec.uses ?? [])
    .flatMap((name) => stores.filter((store) => store.name === name))
    .reduce((given, store) => withStore(given, store, args), spec);

function withStore(spec: ServiceSpec, store: Store, args: Args): ServiceSpec {
  const { networks, environment, secrets, pool } = store.access(args);
  const pooled = spec.kind === "job" ? undefined : pool;
  return {
    ...(pooled?.connections ? { connections: pooled.connections } : {}),
    ...spec,
    networks: [...new Set([...spec.networks, ...networks])],
    after: [...new Set([...(spec.after ?? []), readyBefore(spec.name, store, args)])],
    environment: { ...environment, ...pooled?.environment, ...spec.environment },
    secrets: { ...secrets, ...spec.secrets },
  };
}

/** What a service waits for that uses a store. What makes the tables waits for the log-in alone. */
export function readyBefore(service: string, store: Store, args: Args): string {
  const login = store.login?.(args).name ?? store.name;
  return store.ready === undefined || store.ready === service ? login : store.ready;
}
