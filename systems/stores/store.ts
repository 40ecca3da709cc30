/** All that berth knows of one store, as one object. Whatever the house does with stores, it does by this. */
import type { z } from "zod";
import type { Drawings } from "../../monitoring/panels.ts";
import type {
  ConnectionLimit,
  ImageSpec,
  NetworkName,
  SchemaVersion,
  ServiceSpec,
  Template,
} from "../../plan/types.ts";
import type { Args, Part } from "../part.ts";

export interface Store<Own extends z.ZodRawShape = Readonly<Record<never, never>>> extends Part<Own> {
  /** Name of its service, of the image that it runs, and of its key in `berth:majors`. */
  readonly name: string;
  /** As people write it. */
  readonly title: string;
  /** Major version that the data of a stack is of that says nothing. It stays what it is when the image moves on. */
  readonly major: number;
  /** Of its URLs. */
  readonly scheme: string;
  readonly server: (args: Args<Own>) => ServiceSpec;
  /** Images that are built for it. @default none */
  readonly builds?: (args: Args<Own>) => Readonly<Record<string, ImageSpec>>;
  /** The job that makes the log-in of today. @default it knows no log-ins, and is reached by its network alone */
  readonly login?: (args: Args<Own>) => ServiceSpec;
  /** The job that drops those before. It says which secret they are named by (`prunes`). @default it knows none */
  readonly prune?: (args: Args<Own>) => ServiceSpec;
  /** Service that must be healthy before the store can be used. @default the job that makes the log-in, or its own */
  readonly ready?: string;
  /** What a service is given that says `uses`. */
  readonly access: (args: Args<Own>) => Access;
  /** What a person logs in with. @default nothing */
  readonly credential?: Template | ((args: Args<Own>) => Template);
  /** @default it does not count its connections */
  readonly connections?: (args: Args<Own>) => ConnectionLimit;
  /** Key of the stack file that names the folder with its data, and what it says. @default there is no such key */
  readonly device?: (args: Args<Own>) => { readonly key: string; readonly folder: string | undefined };
  /** Name of the database. @default it has none */
  readonly database?: (args: Args<Own>) => string;
  /** @default it has no migrations */
  readonly schemaVersion?: (args: Args<Own>) => SchemaVersion | undefined;
  /** What speaks Prometheus's language for it. */
  readonly exporter: (args: Args<Own>) => ServiceSpec;
  readonly drawings: Drawings;
  /** File of monitoring/rules with its alerts. */
  readonly rules: string;
  /** @default it is not backed up */
  readonly backup?: Backup<Own>;
}

export interface Access {
  readonly networks: readonly NetworkName[];
  readonly environment: NonNullable<ServiceSpec["environment"]>;
  readonly secrets: NonNullable<ServiceSpec["secrets"]>;
  /** Of services that keep connections open; jobs do not. @default nothing */
  readonly pool?: Pick<ServiceSpec, "connections"> & { readonly environment: NonNullable<ServiceSpec["environment"]> };
}

/** What is backed up: a store, or a folder that services write. */
export type Kept = Pick<Store, "name" | "title" | "ready" | "backup">;

/** How it is backed up, verified and restored. */
export interface Backup<Own extends z.ZodRawShape = Readonly<Record<never, never>>> {
  /** Module of services/backup/src/backup that takes it, restores it into a throwaway server, and compares. */
  readonly module: string;
  /** Its file in a backup. */
  readonly file: string;
  /** Programs that the module starts: the image of the service that makes backups is not built without them. */
  readonly programs: readonly string[];
  /** Packages of Debian that the module needs. @default none */
  readonly packages?: readonly string[];
  /** Files of services/python/app/lib that the module needs. @default none */
  readonly library?: readonly string[];
  /** Argument of services/backup/Dockerfile that takes its image. @default no program comes from its image */
  readonly image?: string;
  /** Folder that its image declares a volume at, where that is the image that backups are made in. @default none */
  readonly work?: (args: Args<Own>) => string;
  readonly restore: Restore;
  /**
   * What the service that makes backups is given for it. `tells`: what the module alone reads. `memory`: MiB of the
   * throwaway server. `gid`: group that may read what is on its volumes.
   */
  readonly gives: (
    args: Args<Own>,
  ) => Pick<ServiceSpec, "secrets" | "volumes" | "gid"> & {
    readonly tells: Readonly<Record<string, unknown>>;
    readonly memory?: number;
  };
}

/** How bin/restore brings it back. */
export interface Restore {
  /** Service in whose container the script runs. */
  readonly service: string;
  /**
   * Script of sh, its first argument a step:
   * - `says [drop]`: what a person should know before. `drop`: what is replaced is not kept
   * - `load`: takes what was stored by standard input
   *
   * and for what is restored `beside`:
   * - `open`: undoes what a restore left that was cut off
   * - `version [table column]`: prints the version of the schema, if there is one
   * - `facts [restored]`: takes by standard input what it is asked, of what runs or of the copy; prints the answer
   * - `exchange`: puts the copy in the place of what runs, or leaves all as it was and fails
   * - `drop`: deletes what was replaced
   */
  readonly script: string;
  /**
   * beside:   into a copy beside what runs, which takes its place once it was compared.
   * in place: over what runs, and so only where bin/restore is given its name as an option (`--redis`).
   */
  readonly how: "beside" | "in place";
  /** Table and column with the version of the schema. @default it has none */
  readonly versions?: readonly [table: string, column: string];
}

/** A store whose settings nobody else needs to know. */
export const store = <const Own extends z.ZodRawShape>(own: Store<Own>): Store => own as unknown as Store;
