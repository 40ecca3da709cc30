/** Changes of every kind that an operator makes, and what a preview has to announce of each. */
import { appendFileSync, chmodSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import type { Project } from "../stack/project.ts";
import { another, PULLED, tagOf } from "../stack/pulled.ts";
import type { Roles } from "../stack/roles.ts";
import type { Stack } from "../stack/stack.ts";

export interface Change {
  readonly name: string;
  readonly make: (stack: Stack, roles: Roles) => unknown;
  /** What has to be among the steps, so that an empty announcement is no agreement. */
  readonly among: (roles: Roles, stack: Stack) => string;
  /** Services whose containers it may concern at most. @default not asked */
  readonly only?: (stack: Stack, roles: Roles) => readonly string[];
}

const container =
  (op: string, ...parts: (string | number)[]) =>
  ({ named }: Roles): string =>
    `${op} container ${named(...parts)}`;
const replaces = (...parts: (string | number)[]) => container("replace", ...parts);
const updates = (...parts: (string | number)[]) => container("update", ...parts);
const egress =
  (op: string) =>
  ({ named }: Roles): string =>
    `${op} network ${named("egress")}`;

const configured =
  (key: string, value: unknown) =>
  ({ project }: Stack): void =>
    project.configure({ [`berth:${key}`]: value });
const service =
  (name: string, values: Record<string, unknown>) =>
  ({ project }: Stack): void =>
    project.set(name, values);
/** Lays values over those of a key that has several; undefined removes one. */
function lay(project: Project, key: string, values: Readonly<Record<string, unknown>>): void {
  const all = Object.entries({ ...(project.config[`berth:${key}`] as object | undefined), ...values });
  project.configure({ [`berth:${key}`]: Object.fromEntries(all.filter(([, value]) => value !== undefined)) });
}
const laid =
  (key: string, values: Readonly<Record<string, unknown>>) =>
  ({ project }: Stack): void =>
    lay(project, key, values);
const secret =
  (name: string, value: string) =>
  ({ project }: Stack): Promise<void> =>
    project.setSecret(name, value);
const edited =
  (file: string, line: string) =>
  ({ project }: Stack): void =>
    project.edit(file, (text) => `${text}${line}\n`);

/** Sets how many more, or fewer, containers of services there are. */
function scale({ project }: Stack, services: readonly string[], by: number): void {
  const { known } = project;
  for (const name of services) project.set(name, { replicas: known.service(name).replicas + by });
}
/** Number of the container that a service gets when it is given one more. */
const more = ({ plan }: Roles, name: string): number => plan.services.find((one) => one.name === name)!.replicas + 1;
/** A source file of the applications' image. */
const source = ({ driver }: Stack, { image }: Roles): string => driver.sources[image]!;

/** The first secret of the system itself that berth generates. */
const generated = ({ credentials }: Stack["driver"]): string => credentials.find(({ by }) => by === "rotate")!.secret;

const first: readonly Change[] = [
  {
    name: "environment of a service",
    make: ({ project }, { inner }) => project.environment(inner, { RELEASE_NOTE: "second" }),
    among: (roles) => replaces(roles.inner, 1)(roles),
    only: ({ project }, { inner }) => project.known.withFollowers([inner]),
  },
  { name: "log level", make: configured("logLevel", "ERROR"), among: (roles) => replaces(roles.front, 1)(roles) },
  {
    name: "replicas raised",
    make: (stack, { worker }) => scale(stack, [worker], 1),
    among: (roles) => container("create", roles.worker, more(roles, roles.worker))(roles),
  },
  {
    name: "replicas of what the edge routes to",
    make: (stack, { front }) => scale(stack, [front], 1),
    among: (roles) => container("create", roles.front, more(roles, roles.front))(roles),
  },
  // Redis's own limit is fitted to it, and stands in a file.
  { name: "memory limit", make: service("redis", { memory: "512MiB" }), among: replaces("redis") },
  { name: "cpu limit", make: service("postgres-exporter", { cpus: 0.5 }), among: replaces("postgres-exporter", 1) },
  {
    name: "reserved memory",
    make: service("redis-exporter", { reserveMemory: "32MiB" }),
    among: updates("redis-exporter", 1),
  },
  { name: "reserved cpu", make: service("edge", { reserveCpus: 0.25 }), among: updates("edge") },
  { name: "restart policy", make: configured("restart", "unless-stopped"), among: updates("postgres") },
  { name: "retention of metrics", make: laid("retention", { metrics: "3d" }), among: replaces("prometheus") },
  {
    name: "secret set for the first time",
    make: secret("alertWebhookUrl", "http://127.0.0.1:9/hook"),
    among: egress("create"),
  },
  {
    name: "generated secret's version raised",
    make: ({ project, driver }) => lay(project, "secretVersions", { [generated(driver)]: 2 }),
    among: ({ named }, { driver }) => `create randompassword ${named(generated(driver), "v2")}`,
  },
  {
    name: "service switched off",
    make: ({ project }, { beside }) => project.configure({ "berth:off": [beside] }),
    among: (roles) => container("delete", roles.beside, 1)(roles),
  },
];

const second: readonly Change[] = [
  {
    name: "replicas lowered",
    make: (stack, { front, worker }) => scale(stack, [front, worker], -1),
    among: (roles) => container("delete", roles.worker, more(roles, roles.worker))(roles),
  },
  { name: "secret removed", make: configured("alertWebhookUrl", undefined), among: egress("delete") },
  {
    name: "service switched on again",
    make: configured("off", undefined),
    among: (roles) => container("create", roles.beside, 1)(roles),
  },
  { name: "job added", make: configured("seed", true), among: container("create", "seed") },
  { name: "port", make: laid("ports", { prometheus: 9190 }), among: replaces("prometheus") },
  { name: "port no longer published", make: laid("ports", { redis: undefined }), among: replaces("redis") },
  {
    name: "secret rotated",
    make: secret("postgresPassword", "preview-0123456789abcdef"),
    among: replaces("postgres-roles"),
  },
  {
    name: "generated secret replaced by one that is set",
    make: secret("redisMonitorPassword", "preview-0123456789abcdef"),
    among: replaces("redis-exporter", 1),
  },
  {
    name: "source file",
    make: (stack, roles) => edited(source(stack, roles), "# changed")(stack),
    among: (roles) => replaces(roles.inner, 1)(roles),
  },
  {
    name: "file mode in a build context",
    make: (stack, roles) => chmodSync(join(stack.project.dir, source(stack, roles)), 0o755),
    among: (roles) => replaces(roles.inner, 1)(roles),
  },
  {
    name: "what the images of all Python services have",
    make: edited("services/python/app/lib/berth/__init__.py", "# changed"),
    among: (roles) => replaces(roles.inner, 1)(roles),
  },
  {
    name: "Dockerfile",
    make: edited("services/edge/Dockerfile", "ENV BERTH_CHANGED=1"),
    among: replaces("edge"),
    only: ({ project }) => project.known.running("edge"),
  },
  { name: "edge/nginx.conf", make: edited("edge/nginx.conf", "# changed"), among: replaces("edge-routes") },
  { name: "alert rule", make: edited("monitoring/rules/availability.yml", "# changed"), among: replaces("prometheus") },
  { name: "pg_hba.conf", make: edited("data/postgres/pg_hba.conf", "# changed"), among: replaces("postgres") },
  { name: "redis.conf", make: edited("data/redis/redis.conf", "# changed"), among: replaces("redis") },
  { name: "script of a job", make: edited("data/postgres/roles.sql", "-- changed"), among: replaces("postgres-roles") },
  {
    name: "base image that is pulled",
    make: async ({ project }) => {
      await another(tagOf(project), tagOf(project, "second"));
      lay(project, "baseImages", { [PULLED.image]: tagOf(project, "second") });
    },
    among: replaces(PULLED.service, 1),
  },
];

/** Changes of one group do not depend on each other, so that their announcements add up to that of the group. */
export const groups: readonly (readonly Change[])[] = [first, second];

/** Changes that are none. */
export const nothing: readonly Pick<Change, "name" | "make">[] = [
  {
    name: "a comment in the stack file",
    make: ({ project }) => appendFileSync(join(project.dir, `Pulumi.${project.stack}.yaml`), "# a comment\n"),
  },
  {
    name: "a file that .dockerignore leaves out",
    make: ({ project }, roles) => project.write(`${contextOf(roles)}/notes.txt`, "nobody ships me\n"),
  },
  {
    name: "compiled Python beside its source",
    make: ({ project }, roles) => project.write(`${contextOf(roles)}/src/left.pyc`, "compiled"),
  },
  { name: "the time of a file in a build context", make: (stack, roles) => touch(stack.project, source(stack, roles)) },
  { name: "the time of a file that is mounted", make: ({ project }) => touch(project, "edge/nginx.conf") },
  { name: "documentation", make: edited("README.md", "changed") },
  { name: "a default written out", make: configured("seed", false) },
];

const contextOf = ({ plan, image }: Roles): string => plan.images[image]!.context;
function touch(project: Project, file: string): void {
  const path = join(project.dir, file);
  // A time that it did not have, to the second.
  const later = new Date(statSync(path).mtimeMs + 60_000);
  utimesSync(path, later, later);
}
