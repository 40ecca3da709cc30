/** What can happen to a stack behind Pulumi's back, and what bin/drift has to say of it. */
import assert from "node:assert/strict";
import { imageName } from "../../plan/names.ts";
import type { PlannedService } from "../../plan/types.ts";
import { named, onVolume, TOOLS } from "../stack/engine.ts";
import { command, docker, eventually } from "../stack/command.ts";
import { another, PULLED, pulledBy } from "../stack/pulled.ts";
import type { Roles } from "../stack/roles.ts";
import type { Stack } from "../stack/stack.ts";

export interface Change {
  readonly name: string;
  /** Whether it is about a part that each system has of its own. @default false */
  readonly own?: true;
  /** Does it, and says what the report must name. */
  readonly make: (stack: Stack, roles: Roles) => Promise<string>;
  /** What the report says about it. */
  readonly says: RegExp | ((roles: Roles) => RegExp);
  /** Services whose containers may be others afterwards; all others keep their ids. @default none */
  readonly replaces?: (roles: Roles) => readonly string[];
  /** Throws unless it is undone, where bin/drift's silence is not enough. */
  readonly undone?: (stack: Stack, roles: Roles) => Promise<void>;
}

type Chosen = (roles: Roles) => string;
const called =
  (name: string): Chosen =>
  () =>
    name;
const only =
  (chosen: Chosen) =>
  (roles: Roles): readonly string[] => [chosen(roles)];

/** A container of a service. */
const oneOf = async ({ project }: Stack, service: string): Promise<string> => (await project.running(service))[0]!;
const inspect = async (stack: Stack, service: string, format: string): Promise<string> =>
  docker("inspect", "--format", format, await oneOf(stack, service));
const planned = ({ plan }: Roles, name: string): PlannedService => plan.services.find((one) => one.name === name)!;

/** Has the engine do something to a container of a service. */
const engine =
  (chosen: Chosen, ...args: string[]): Change["make"] =>
  async (stack, roles) => {
    const name = await oneOf(stack, chosen(roles));
    await docker(...args, name);
    return name;
  };
/** Does something as root to the files of a service. */
const onFiles =
  (part: Chosen, line: string | Chosen): Change["make"] =>
  async ({ project }, roles) => {
    const volume = await named(project, "volume", part(roles));
    await onVolume(volume, typeof line === "string" ? line : line(roles));
    return volume;
  };
const strangers = ({ project }: Stack): string[] => [
  "--label",
  `berth.stack=${project.stack}`,
  "--label",
  "berth.service=stranger",
];
/** Runs a container that does nothing. */
async function idle(name: string, ...options: string[]): Promise<string> {
  await docker("run", "--detach", "--name", name, ...options, "--entrypoint", "sleep", TOOLS, "3600");
  return name;
}
const gone = (kind: string, name: string) => async (): Promise<void> => {
  assert.notEqual((await command("docker", [kind, "inspect", name])).code, 0, `${name} is still there`);
};
export const GUESTS = ["stranger-drift", "guest-drift"] as const;

const edgeImage = ({ plan }: Roles): string => imageName(plan.system, plan.stack, "edge");
const filesOf =
  (chosen: Chosen): Chosen =>
  (roles) =>
    `${chosen(roles)}-files`;
const worker: Chosen = (roles) => roles.worker;
const inner: Chosen = (roles) => roles.inner;
const beside: Chosen = (roles) => roles.beside;
const job: Chosen = (roles) => roles.job;
const login: Chosen = (roles) => roles.login;
const exporter: Chosen = (roles) => roles.exporter;
/** A file that holds a secret of the worker. */
const secretFile = (roles: Roles): string => Object.keys(planned(roles, roles.worker).secrets!).sort()[0]!;

/** One up repairs them all: each of them is reported by an object of its own. */
export const changes: readonly Change[] = [
  {
    name: "a container was stopped",
    make: engine(called("alertmanager"), "stop", "--time", "5"),
    says: /does not run: exited/,
    replaces: only(called("alertmanager")),
  },
  {
    name: "a container was removed",
    own: true,
    make: engine(worker, "rm", "--force"),
    says: /is gone/,
    replaces: only(worker),
  },
  { name: "a container was paused", own: true, make: engine(inner, "pause"), says: /is paused/ },
  {
    name: "a memory limit was changed",
    make: engine(called("prometheus"), "update", "--memory", "200m", "--memory-swap", "200m"),
    says: (roles) => new RegExp(`memory limit in MiB is 200, declared ${planned(roles, "prometheus").limits.memory}`),
    undone: async (stack, roles) => {
      const declared = planned(roles, "prometheus").limits.memory * 1024 ** 2;
      assert.equal(await inspect(stack, "prometheus", "{{.HostConfig.Memory}}"), String(declared));
    },
  },
  {
    name: "a container was taken out of a network",
    says: /is not in network .*-monitoring/,
    own: true,
    replaces: only(exporter),
    make: async (stack, roles) => {
      const name = await oneOf(stack, roles.exporter);
      await docker("network", "disconnect", await named(stack.project, "network", "monitoring"), name);
      return name;
    },
  },
  {
    name: "a container was put into another network",
    says: /is in network bridge, which is not its own/,
    make: engine(beside, "network", "connect", "bridge"),
  },
  {
    name: "a restart policy was changed",
    make: engine(called("redis"), "update", "--restart", "no"),
    says: ({ plan }) => new RegExp(`restart policy is no, declared ${plan.restart}`),
  },
  {
    name: "a configuration file on a volume was edited",
    make: onFiles(filesOf(called("node-exporter")), "echo '# edited' >> /v/start.sh"),
    says: /file \/etc\/berth\/start\.sh was changed/,
    replaces: only(called("node-exporter")),
  },
  {
    name: "a built image was retagged",
    says: /was retagged/,
    make: async (_, roles) => {
      await docker("tag", TOOLS, edgeImage(roles));
      return edgeImage(roles);
    },
    undone: async (stack, roles) => {
      const id = await docker("image", "inspect", "--format", "{{.Id}}", edgeImage(roles));
      assert.equal(id, await inspect(stack, "edge", "{{.Image}}"));
    },
  },
  {
    name: "the tag of a pulled image names another one",
    says: /is now/,
    replaces: only(called(PULLED.service)),
    make: async (stack) => {
      const tag = pulledBy(stack.project, PULLED.service);
      await another(tag, tag);
      return oneOf(stack, PULLED.service);
    },
  },
  {
    name: "a job was killed",
    own: true,
    make: engine(login, "kill"),
    says: /does not run: exited \(exit code 137\)/,
    replaces: only(login),
  },
  {
    name: "a container carries the stack's labels that is not of the stack",
    says: /not in its state/,
    make: (stack) => idle(GUESTS[0], ...strangers(stack), "--network", "none"),
    undone: gone("container", GUESTS[0]),
  },
  {
    name: "a volume carries the stack's labels that is not of the stack",
    says: /not in its state/,
    make: (stack) => docker("volume", "create", ...strangers(stack), "stranger-volume"),
    undone: gone("volume", "stranger-volume"),
  },
  {
    name: "a secret file got a wider mode",
    make: onFiles(filesOf(worker), (roles) => `chmod 0644 /v/secrets/${secretFile(roles)}`),
    says: (roles) => new RegExp(`file /etc/berth/secrets/${secretFile(roles)} has mode 0644`),
    replaces: only(worker),
  },
  {
    name: "a file was added to a volume",
    make: onFiles(filesOf(inner), "echo more > /v/secrets/more"),
    says: /file \/etc\/berth\/secrets\/more was added/,
    replaces: only(inner),
  },
  {
    name: "a file was deleted from a volume",
    make: onFiles(filesOf(called("redis-exporter")), "rm /v/queues.lua"),
    says: /file \/etc\/berth\/queues\.lua is missing/,
    replaces: only(called("redis-exporter")),
  },
  {
    name: "a container was renamed",
    says: /was renamed to renamed-drift/,
    replaces: only(job),
    make: async (stack, roles) => {
      const name = await oneOf(stack, roles.job);
      await docker("rename", name, "renamed-drift");
      return name;
    },
  },
  {
    name: "a container got unhealthy",
    says: /is unhealthy/,
    replaces: only(called("redis-users")),
    make: async (stack) => {
      const name = await oneOf(stack, "redis-users");
      await docker("exec", name, "rm", "/tmp/done");
      await eventually(async () =>
        assert.equal(await inspect(stack, "redis-users", "{{.State.Health.Status}}"), "unhealthy"),
      );
      return name;
    },
  },
  {
    name: "a limit of processes was set",
    make: engine(called("node-exporter"), "update", "--pids-limit", "500"),
    says: /limit of processes is 500, declared none/,
    replaces: only(called("node-exporter")),
  },
  {
    name: "a cpu limit was changed",
    make: engine(called("redis-exporter"), "update", "--cpus", "0.75"),
    says: (roles) => new RegExp(`cpu limit is 0\\.75, declared ${planned(roles, "redis-exporter").limits.cpus}`),
    replaces: only(called("redis-exporter")),
  },
  {
    name: "a stranger sits in one of the stack's networks",
    says: /is in network .*-data/,
    make: async ({ project }) => idle(GUESTS[1], "--network", await named(project, "network", "data")),
    undone: async () => {
      assert.equal(await docker("inspect", "--format", "{{len .NetworkSettings.Networks}}", GUESTS[1]), "0");
      // It is left alone, because it is not of the stack.
      await docker("rm", "--force", GUESTS[1]);
    },
  },
  {
    name: "a network carries the stack's labels that is not of the stack",
    says: /not in its state/,
    undone: gone("network", "stranger-network"),
    make: async (stack) => {
      await docker("network", "create", ...strangers(stack), "stranger-network");
      return "stranger-network";
    },
  },
];

export const network: Change = {
  name: "a network was removed",
  says: /is gone/,
  make: async ({ project }) => {
    const found = await named(project, "network", "monitoring");
    const members = JSON.parse(await docker("network", "inspect", "--format", "{{json .Containers}}", found)) as Record<
      string,
      unknown
    >;
    for (const id of Object.keys(members)) await docker("network", "disconnect", "--force", found, id);
    await docker("network", "rm", found);
    return found;
  },
  // Those in it; and those that come after a stateful one of them, which is removed before it is made anew.
  replaces: ({ plan }) => {
    const replaced = new Set<string>();
    const removed = new Set<string>();
    for (const { name, kind, networks, after } of plan.services) {
      const behind = after.some((other) => removed.has(other));
      if (!behind && !networks.includes("monitoring")) continue;
      replaced.add(name);
      if (behind || kind === "stateful") removed.add(name);
    }
    return [...replaced];
  },
};
