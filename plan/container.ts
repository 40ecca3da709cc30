/**
 * A planned service to what every one of its containers is given, hardening included; policy/ holds it to that.
 * Containers that only carry files are made in components/files.ts.
 */
import { duration, patient } from "./health.ts";
import { cpuShares, formatCpus } from "./limits.ts";
import type { Plan, PlannedService } from "./types.ts";

/** `docker.ContainerArgs` but for what only the engine knows: image, networks, volumes. */
export function containerArgs(service: PlannedService, plan: Plan) {
  const { limits } = service;
  const health = patient(service.health);
  return {
    user: `${service.uid}:${service.gid ?? 0}`,
    ...(service.gid === undefined ? {} : { groupAdds: ["0"] }),
    envs: [...service.environment],
    ...(service.command ? { command: [...service.command] } : {}),
    ...(service.entrypoint ? { entrypoints: [...service.entrypoint] } : {}),
    labels: labelList(service.labels),

    readOnly: true,
    tmpfs: { ...(service.tmpfs ?? { "/tmp": "rw,noexec,nosuid,size=64m" }) },
    capabilities: { adds: [...(service.capabilities ?? [])].sort(), drops: ["ALL"] },
    securityOpts: ["no-new-privileges:true"],
    // Reaps what the application leaves behind, and passes signals on.
    init: true,

    // Without memorySwap the engine sets twice the limit, and every refresh finds a difference (docs/provider.md A6).
    memory: limits.memory,
    memorySwap: limits.memory,
    cpus: formatCpus(limits.cpus),
    ...(limits.reserveMemory === undefined ? {} : { memoryReservation: limits.reserveMemory }),
    ...(limits.reserveCpus === undefined ? {} : { cpuShares: cpuShares(limits.reserveCpus) }),
    ...(service.sharedMemory === undefined ? {} : { shmSize: service.sharedMemory }),

    logDriver: "json-file",
    logOpts: { "max-size": "10m", "max-file": "5", labels: Object.keys(service.labels).sort().join(",") },

    ports: service.ports.map(({ internal, external, ip }) => ({ internal, external, ip, protocol: "tcp" })),
    healthcheck: {
      tests: [...health.test],
      interval: duration(health.interval),
      timeout: duration(health.timeout),
      startPeriod: duration(health.startPeriod),
      retries: health.retries,
    },
    restart: plan.restart,
    wait: true,
    waitTimeout: service.waitTimeout,
    // Unset, the provider sends SIGKILL right after SIGTERM (A9). stopTimeout is for stops that are not Pulumi's.
    destroyGraceSeconds: service.stopGrace,
    stopTimeout: service.stopGrace,
  };
}

/**
 * Log options that an engine may have of its own (`log-opts` of its daemon.json). They come back beside those that are
 * given, and every update would replace every container (docs/provider.md 3.8).
 */
export const ENGINES_OWN = ["compress", "env", "env-regex", "labels-regex", "max-buffer-size", "mode", "tag"].map(
  (option) => `logOpts.${option}`,
);

/** The provider wants a list; sorted, so that it never differs by order. */
export const labelList = (labels: Readonly<Record<string, string>>): { label: string; value: string }[] =>
  Object.keys(labels)
    .sort()
    .map((label) => ({ label, value: labels[label]! }));
