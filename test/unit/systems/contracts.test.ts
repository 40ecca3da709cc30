/**
 * What the catalogues count on in images of others is in the contracts of those (bench/hub/<folder>/contract*.yaml):
 * the programs that health checks, trials, jobs and restores start, and the folders that something is mounted on.
 * test/contracts holds images to their contracts.
 */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { built, type Contract, contracts, programsOf, repositoryOf } from "../../../bench/contracts.ts";
import { patient } from "../../../plan/health.ts";
import { asCommand } from "../../../plan/rehearsal.ts";
import { FILES } from "../../../plan/files.ts";
import type { ImageSpec, ServiceSpec, System } from "../../../plan/types.ts";
import type { Args } from "../../../systems/part.ts";
import { systems } from "../../../systems/index.ts";
import type { SystemDefinition } from "../../../systems/system.ts";
import { type Folder, type Stage, stagesOf } from "../../contracts/built.ts";
import { programsIn, programsOf as startedBy } from "../../contracts/shell.ts";
import { settings } from "../support.ts";

const ROOT = join(import.meta.dirname, "../../..");
const all = contracts();
const contractOf = (reference: string): Contract => {
  const found = all.find(({ image }) => image === reference);
  if (found === undefined) throw new Error(`${reference} has no contract in bench/hub: write it before it is used`);
  return found;
};

/** What an image has, whoever made it. */
interface Has {
  readonly programs: ReadonlySet<string>;
  readonly folders: Readonly<Record<string, Folder & { readonly holds: readonly string[] }>>;
  readonly contract: Contract;
}

/** @param values Keys of the stack file. */
function made(definition: SystemDefinition, values: Record<string, unknown> = {}) {
  const backup = "backup" in definition.shape.settings.shape ? { "berth:backup": {} } : {};
  const given = settings({ ...backup, ...values }, definition.shape);
  const args = { stack: "dev", settings: given, publicUrl: "https://example.org", has: () => true, isOn: () => true };
  const system: System = definition.catalogue(args);
  return { system, args: args as unknown as Args };
}

function imageOf({ image }: ServiceSpec, { images }: System): Has {
  if ("pull" in image) {
    const contract = contractOf(image.pull);
    return { programs: programsOf(contract), folders: contract.folders, contract };
  }
  const spec = images[image.build]!;
  const stages = stagesOf(spec);
  const chain: Stage[] = [];
  let at = spec.target;
  for (; stages.has(at); at = chain.at(-1)!.from) chain.push(stages.get(at)!);
  const contract = contractOf(at);
  const folders = Object.assign({}, ...chain.map((stage) => stage.folders)) as Record<string, Folder>;
  return {
    programs: new Set([...programsOf(contract), ...chain.flatMap(({ programs }) => [...programs])]),
    folders: {
      ...contract.folders,
      ...Object.fromEntries(Object.entries(folders).map(([name, folder]) => [name, { ...folder, holds: [] }])),
    },
    contract,
  };
}

/** Every program that something of a service starts in its container. */
function startedIn(service: ServiceSpec, definition: SystemDefinition, system: System, has: Has): Set<string> {
  const { health, command, entrypoint, rehearsal, config = {}, image } = service;
  const stores = definition.stores.flatMap(({ backup }) => backup ?? []);
  const scripts = [
    ...Object.entries(config).flatMap(([name, text]) => (name.endsWith(".sh") ? [text] : [])),
    ...stores.filter(({ restore }) => restore.service === service.name).map(({ restore }) => read(restore.script)),
    ...("build" in image ? ownScripts(system.images[image.build]!) : []),
  ];
  const given = entrypoint ?? has.contract.entrypoint ?? [];
  // An entrypoint of the official images runs what it is given; others are programs that take arguments.
  const runs = given.length === 0 || /docker-entrypoint\.sh$/.test(given[0]!);
  const commands = [
    asCommand(patient(health).test),
    ...(entrypoint ? [entrypoint] : []),
    ...(command && runs && !command[0]!.startsWith("-") ? [command] : []),
    ...(rehearsal?.follows ? [rehearsal.follows.tells, rehearsal.follows.takes] : []),
    ...(system.schemaVersion?.service === service.name ? [system.schemaVersion.command] : []),
    ...(service.name === "backup" ? stores.flatMap(({ programs }) => programs.map((program) => [program])) : []),
  ];
  // What a script looks for first, it does without where it is not there.
  const lookedFor = new Set(scripts.flatMap((text) => [...text.matchAll(/command -v (\w+)/g)].map(([, name]) => name)));
  const started = [
    ...commands.flatMap((words) => [...startedBy(words.map((word) => (word === "/bin/sh" ? "sh" : word)))]),
    ...scripts.flatMap((text) => ["sh", ...programsIn(text)]),
  ];
  return new Set(started.filter((program) => !lookedFor.has(program)));
}

const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");
/** Scripts of a shell that an image brings; those that all Python services have lie beside their Dockerfile. */
const ownScripts = ({ context, args }: ImageSpec): string[] =>
  globSync([`${context}/bin/*`, ...("SHARED" in args ? ["services/python/app/bin/*"] : [])], { cwd: ROOT })
    .map(read)
    .filter((text) => /^#!\/bin\/(ba)?sh/.test(text));

describe("contracts of images", () => {
  it("every fact has a public source", () => {
    for (const { image, said, sources } of all) {
      const sourced = new Set(Object.values(sources).flat());
      assert.deepEqual(
        said.filter((fact) => !sourced.has(fact)),
        [],
        image,
      );
    }
  });
  it("what the bench builds has one, and another tag only under its own name", () => {
    for (const { image, folder } of built()) {
      const own = all.filter((contract) => contract.folder === folder);
      assert.ok(own.length > 0, `bench/hub/${folder} has no contract`);
      assert.ok(
        own.some((contract) => repositoryOf(contract.image) === repositoryOf(image)),
        `${image} is none of ${own.map((contract) => contract.image).join(", ")}`,
      );
    }
  });

  for (const [name, definition] of Object.entries<SystemDefinition>(systems)) {
    const hasMongo = definition.stores.some((store) => store.name === "mongo");
    const engines = [
      {},
      { "berth:logs": "victorialogs", ...(hasMongo ? { "berth:mongo": { engine: "ferretdb" } } : {}) },
    ].map((values) => ({ values, ...made(definition, values) }));
    const all = engines.flatMap(({ values, system }) =>
      system.services.map((service) => ({ service, system, values })),
    );
    // Each with each image that it may have.
    const services = new Map(all.map((one) => [`${one.service.name} ${JSON.stringify(one.service.image)}`, one]));
    describe(`those of ${name}`, () => {
      it("every image that it pulls has one, with that very tag", () => {
        for (const reference of Object.values(definition.images)) contractOf(reference);
      });
      it("so has every image that one of its own is built on, and its Dockerfile starts what that has", () => {
        for (const [image, spec] of engines.flatMap(({ system }) => Object.entries(system.images))) {
          const stages = stagesOf(spec);
          for (const [stage, { from, runs, programs }] of stages) {
            const chain: Stage[] = [];
            let at = from;
            for (; stages.has(at); at = chain.at(-1)!.from) chain.push(stages.get(at)!);
            const has = new Set([
              ...programsOf(contractOf(at)),
              ...programs,
              ...chain.flatMap((below) => [...below.programs]),
            ]);
            assert.deepEqual(
              [...runs].filter((program) => !has.has(program)),
              [],
              `${image}, stage ${stage}, on ${at}`,
            );
          }
        }
      });
      for (const { service, system, values } of services.values()) {
        it(`${service.name} starts only programs that its image has`, () => {
          const has = imageOf(service, system);
          const started = startedIn(service, definition, system, has);
          assert.ok(started.size > 0, "a health check starts one at least");
          assert.deepEqual(
            [...started].filter((program) => !has.programs.has(program)),
            [],
            `not in the contract of ${has.contract.image}, nor brought by us`,
          );
        });
        const hasPostgres = definition.stores.some((store) => store.name === "postgres");
        for (const major of hasPostgres ? [17, 18] : [0])
          it(`${service.name} covers no file of its image, and may write where it does${major ? ` (PostgreSQL ${major})` : ""}`, () => {
            const postgres = {
              "berth:majors": { postgres: major, redis: 8 },
              "berth:baseImages": { postgres: `pgvector/pgvector:pg${major}-trixie` },
            };
            const { system: then } = made(definition, { ...values, ...(major ? postgres : {}) });
            const own = then.services.find((one) => one.name === service.name)!;
            assert.deepEqual(mountFaults(own, imageOf(own, then), then), []);
          });
      }
    });
  }
});

/** What is wrong with where something is mounted in a container. */
function mountFaults(service: ServiceSpec, { folders, contract }: Has, system: System): string[] {
  const { name, kind, uid, volumes = [], tmpfs = { "/tmp": "" } } = service;
  const files = Object.entries(folders).flatMap(([folder, { holds }]) => holds.map((file) => `${folder}/${file}`));
  const below = (path: string) => files.filter((file) => file.startsWith(`${path}/`));
  // A volume is made from the image of whoever mounts it first, with the owner and mode that the folder has there.
  const first = (volume: string, path: string): (Folder & { readonly holds: readonly string[] }) | undefined => {
    const other = system.services.find((one) => one.volumes?.some((mount) => mount.name === volume))!;
    return other.name === name ? folders[path] : imageOf(other, system).folders[path];
  };
  return [
    ...[FILES, ...Object.keys(tmpfs)].flatMap((path) =>
      below(path).map((file) => `${file} of ${contract.image} is covered by ${path}`),
    ),
    ...volumes.flatMap(({ name: volume, path, readOnly = false, device }) => {
      const { uid: owner, gid, mode } = first(volume, path) ?? { uid: 0, gid: 0, mode: "0755" };
      const [user, group, others] = [...mode.slice(-3)].map((digit) => (Number(digit) & 2) !== 0);
      const may = (owner === uid && user) || (gid === 0 && group) || others;
      // Somebody of the machine owns a folder of the machine.
      return readOnly || may || device !== undefined
        ? []
        : [`${path} of ${contract.image} is ${owner}:${gid} ${mode}: ${uid}:0 may not write there`];
    }),
    // What stays gets a nameless volume there, which holds whatever is not where it should be.
    ...contract.volumes
      .filter(
        (path) => kind === "stateful" && ![...volumes.map((one) => one.path), ...Object.keys(tmpfs)].includes(path),
      )
      .map((path) => `${contract.image} declares a volume at ${path}, where none is given`),
  ];
}
