/** A system: what its folder brings, joined with its stores and with the parts that every system has. */
import { z } from "zod";
import { imageHere } from "../config/here.ts";
import { leaf } from "../config/schema.ts";
import { type Keys, type Shape, shapeOf } from "../config/shape.ts";
import type { Drawings } from "../monitoring/panels.ts";
import type { Catalogue, ImageSpec, ServiceSpec, StoreFacts, Template } from "../plan/types.ts";
import type { Args, Entry, Part } from "./part.ts";
import { backup, backupImage, backupPart } from "./parts/backup.ts";
import { edge, edgeImage, edgePart } from "./parts/edge.ts";
import { monitoringPart } from "./parts/monitoring-keys.ts";
import { monitoringImages } from "./parts/monitoring-logs.ts";
import { monitoring } from "./parts/monitoring.ts";
import type { Kept, Store } from "./stores/store.ts";
import { readyBefore, withStores } from "./uses.ts";

export interface SystemArgs<Own extends z.ZodRawShape> extends Part<Own> {
  /** Name of its folder. */
  readonly name: string;
  readonly stores: readonly Store[];
  /** What is backed up besides the stores. @default nothing */
  readonly keeps?: readonly Kept[];
  /** Images that several of its services run. @default none */
  readonly builds?: (args: Args<Own>) => Readonly<Record<string, ImageSpec>>;
  /** Applications and jobs that run them, or what is pulled. @default none */
  readonly services?: (args: Args<Own>) => readonly ServiceSpec[];
  /** Services with an image of their own. @default none */
  readonly entries?: readonly Entry[];
  /** What a person logs in with, by service, besides stores and Grafana. @default nothing */
  readonly credentials?: Logins | ((args: Args<Own>) => Logins);
  /** What it adds to the dashboards. @default nothing */
  readonly drawings?: Drawings;
  /** Chapters of docs/configuration.md about what its processes read. @default none */
  readonly documentation?: () => string;
}

type Logins = Readonly<Record<string, Template>>;

/** What `berth:system` names. */
export interface SystemDefinition {
  readonly name: string;
  /** Every key that its stack files may have. */
  readonly shape: Shape;
  readonly catalogue: Catalogue;
  readonly stores: readonly Store[];
  /** What a backup holds: the stores, and what is kept besides. */
  readonly kept: readonly Kept[];
  /** Images that it pulls where the stack file names no others, by the name that `berth:baseImages` takes. */
  readonly images: Readonly<Record<string, string>>;
  /** What it and its stores add to the dashboards. */
  readonly drawings: readonly Drawings[];
  readonly documentation: () => string;
}

export function system<const Own extends z.ZodRawShape>(own: SystemArgs<Own>): SystemDefinition {
  const { name, stores, entries = [] } = own;
  const kept = [...stores, ...(own.keeps ?? [])];
  const noBackup = whyNoBackup(name, stores);
  const parts: readonly Part[] = [
    ...stores,
    ...(noBackup === undefined ? [backupPart] : []),
    own,
    edgePart,
    monitoringPart,
  ];
  const images = Object.assign({}, ...[...parts, ...entries].map((part) => part.images)) as Readonly<
    Record<string, string>
  >;
  const catalogue: Catalogue = (given) => {
    const baseImage = (image: string): string => {
      const usual = images[image];
      if (usual === undefined) throw new Error(`systems/: no part of ${name} brings the image "${image}"`);
      return given.settings.baseImages[image] ?? imageHere(usual);
    };
    const args = { ...given, baseImage } as AllArgs<Own>;
    const database = stores.find((store) => store.database)?.database!(args);
    const schemaVersion = stores.map((store) => store.schemaVersion?.(args)).find(Boolean);
    return {
      name,
      ...(database === undefined ? {} : { database }),
      ...(schemaVersion === undefined ? {} : { schemaVersion }),
      stores: stores.map((store) => factsOf(store, args)),
      images: {
        ...own.builds?.(args),
        ...Object.fromEntries(stores.flatMap((store) => Object.entries(store.builds?.(args) ?? {}))),
        ...Object.fromEntries(entries.map((entry) => [entry.name, entry.image(args)])),
        edge: edgeImage(args),
        ...backupImage(args, kept),
        ...monitoringImages(args),
      },
      baseImages: Object.keys(images),
      services: servicesOf(own, args),
      credentials: {
        backup: "@{backupKey}",
        ...Object.fromEntries(stores.flatMap((store) => credentialOf(store, args))),
        grafana: "admin @{grafanaAdminPassword}",
        ...(typeof own.credentials === "function" ? own.credentials(args) : own.credentials),
      },
    };
  };
  return {
    name,
    shape: shapeOf(name, [...parts, majorsOf(stores)], noBackup === undefined ? {} : { backup: noBackup }),
    catalogue,
    stores,
    kept,
    images,
    drawings: drawingsOf(own),
    documentation: own.documentation ?? (() => ""),
  };
}

/** A system takes the keys of backups where each of its stores can be backed up. */
function whyNoBackup(system: string, stores: readonly Store[]): string | undefined {
  if (stores.length === 0) return `${system} has no store`;
  const titles = stores.filter(({ backup }) => backup === undefined).map(({ title }) => title);
  return titles.length
    ? `${titles.join(" and ")} of ${system} cannot be backed up, and half a backup is none`
    : undefined;
}

/** Everything that some part of the system reads. */
type AllArgs<Own extends z.ZodRawShape> = Args<Own> &
  Args<typeof backupPart.settings> &
  Args<typeof edgePart.settings> &
  Args<typeof monitoringPart.settings>;

function servicesOf<Own extends z.ZodRawShape>(own: SystemArgs<Own>, args: AllArgs<Own>): ServiceSpec[] {
  const { stores, entries = [] } = own;
  const applications = [...(own.services?.(args) ?? []), ...entries.map((entry) => entry.service(args))];
  const services = [
    ...stores.flatMap((store) => [store.server(args), store.login?.(args) ?? []].flat()),
    ...applications.map((spec) => withStores(spec, stores, args)),
  ];
  const all = [
    ...services,
    ...edge(args, services),
    // What ends a release: the routes, then the credentials of the release before.
    ...stores.flatMap((store) => (store.prune ? [{ ...store.prune(args), after: ["edge-routes"] }] : [])),
    ...backup(
      args,
      [...stores, ...(own.keeps ?? [])],
      stores.map((store) => readyBefore("backup", store, args)),
    ),
  ];
  const tier = monitoring(args, {
    services: all,
    exporters: stores.map((store) => store.exporter(args)),
    drawings: drawingsOf(own),
    rules: stores.map(({ rules }) => rules),
  });
  return [...all, ...tier];
}

const drawingsOf = ({ stores, drawings }: Pick<SystemArgs<z.ZodRawShape>, "stores" | "drawings">): Drawings[] => [
  ...stores.map((store) => store.drawings),
  ...(drawings === undefined ? [] : [drawings]),
];

const credentialOf = ({ name, credential }: Store, args: Args): [string, Template][] =>
  credential === undefined ? [] : [[name, typeof credential === "string" ? credential : credential(args)]];

function factsOf({ name, scheme, major, connections, device }: Store, args: Args): StoreFacts {
  const { majors = {} } = args.settings as { readonly majors?: Readonly<Record<string, number>> };
  return {
    name,
    scheme,
    major: majors[name] ?? major,
    ...(connections === undefined ? {} : { connections: connections(args) }),
    ...(device === undefined ? {} : { device: device(args) }),
  };
}

/** The key `berth:majors` of a system with these stores. */
function majorsOf(stores: readonly Store[]): Keys {
  if (stores.length === 0) return { settings: {}, secrets: {} };
  const defaults = Object.fromEntries(stores.map(({ name, major }) => [name, major]));
  const number = z.number().int().min(1).max(99);
  const shape = Object.fromEntries(stores.map(({ name, major }) => [name, number.default(major)]));
  const list = (names: readonly string[]): string => names.join(", ").replace(/, ([^,]+)$/, " and $1");
  return {
    settings: {
      majors: leaf(z.strictObject(shape).default(defaults), {
        description: `Major versions that the data of ${list(stores.map(({ title }) => title))} is of: an image of another is refused. What to do before it is changed: docs/operations.md#another-major-version.`,
        allowed: `${list(stores.map(({ name }) => name))}, each a whole number`,
        example: defaults,
      }),
    },
    secrets: {},
  };
}
