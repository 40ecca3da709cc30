/**
 * Backups of the stores, each restored into a throwaway server before it counts.
 * Made where `berth:backup` asks for them.
 */
import { z } from "zod";
import { elsewhere, folder, interval, leaf, seconds } from "../../config/schema.ts";
import { healthCheck } from "../../plan/health.ts";
import { prefix } from "../../plan/names.ts";
import type { ImageSpec, ServiceSpec } from "../../plan/types.ts";
import type { Args, Part } from "../part.ts";
import type { Kept } from "../stores/store.ts";
import { content } from "./content.ts";

/** What stores of objects take for a name. */
const BUCKET = /^(?!.*(?:\.[.-]|-\.))(?!\d+(?:\.\d+){3}$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;

const schedule = z
  .strictObject({
    every: leaf(interval, {
      description: "Time from one backup to the next.",
      allowed: "a whole number with m, h or d, at most a year",
      example: "6h",
    }).default("6h"),
    keep: leaf(z.number().int().min(1).max(1000), {
      description: "How many verified backups are kept; older ones are removed.",
      allowed: "a whole number from 1 to 1000",
      example: 14,
    }).default(14),
    device: leaf(folder, {
      description:
        "Folder of the engine's machine that holds the backups, best on another disk than the database's. Default: a volume of the engine.",
      allowed: "an absolute path of letters, digits, . _ and -",
      example: "/mnt/backup/berth",
    }).optional(),
    s3: leaf(
      z.strictObject({
        endpoint: leaf(elsewhere, {
          description: "Address of the store. Default: Amazon's, by the region.",
          allowed:
            "an http or https URL of a host that containers reach (not localhost), with or without a port; no path, no password",
          example: "https://s3.example.org",
        }).optional(),
        bucket: leaf(z.string().regex(BUCKET), {
          description: "A bucket that exists.",
          allowed:
            "3 to 63 lower-case letters, digits, dots and hyphens; no dot beside a dot or a hyphen, and no address",
          example: "berth-backups",
        }),
        region: leaf(z.string().regex(/^[a-z0-9-]+$/), {
          description: "Region of the bucket.",
          allowed: "lower-case letters, digits and hyphens",
          example: "eu-central-1",
        }).optional(),
        prefix: leaf(z.string().regex(/^(?:(?:^|\/)(?!\.\.?(?:\/|$))[\w.-]+)+$/), {
          description: "Folder in the bucket. Default: <system>-<stack>.",
          allowed: "names with a slash between them",
          example: "berth/prod",
        }).optional(),
      }),
      {
        description:
          "Keeps the backups in a bucket instead of a volume. Needs berth:backupS3AccessKey and berth:backupS3SecretKey.",
        allowed: "bucket, endpoint, region and prefix",
        example: { endpoint: "https://s3.example.org", bucket: "berth-backups" },
      },
    ).optional(),
  })
  .refine(({ device, s3 }) => device === undefined || s3 === undefined);

export const backupPart = {
  images: {},
  settings: {
    backup: leaf(schedule.optional(), {
      description: "Backups: how often, how many, where. Default: none are made; {} makes them with the defaults.",
      allowed: "every (such as 6h), keep (a number), device (a folder) or s3 (endpoint, bucket, region, prefix)",
      example: { every: "6h", keep: 14 },
    }),
  },
  secrets: {
    backupKey: {
      description: "What backups are encrypted with. Keep a copy away from the machine.",
      example: "a long random text",
      generated: 48,
      minLength: 24,
      former: "backupPreviousKey",
      outlives: true,
    },
    backupPreviousKey: {
      description: "Key that still decrypts the backups made before the last rotation; several, one a line.",
      form: "lines",
      example: "the former backupKey",
      minLength: 24,
    },
    backupS3AccessKey: {
      description: "Access key of the bucket of berth:backup.s3.",
      form: "ascii",
      example: "AKIA…",
      minLength: 3,
      needs: ["backupS3SecretKey"],
    },
    backupS3SecretKey: {
      description: "Secret key that belongs to it.",
      form: "ascii",
      example: "a long random text",
      minLength: 8,
      needs: ["backupS3AccessKey"],
    },
  },
} satisfies Part;
type BackupArgs = Args<typeof backupPart.settings>;

/** Uid of Debian's user `backup`, by which PostgreSQL knows it at its socket (data/postgres/pg_ident.conf). */
const UID = 34;
const METRICS = 9300;
/** Where dumps and throwaway servers are, if nobody says otherwise (settings.py). */
const WORK = "/var/lib/postgresql/data";

/** Whether the stack makes backups. */
export const makesBackups = ({ settings }: Args): boolean => (settings as BackupArgs["settings"]).backup !== undefined;

export const backupImage = (args: BackupArgs, stores: readonly Kept[]): Record<string, ImageSpec> =>
  makesBackups(args)
    ? {
        backup: {
          context: "services/backup",
          target: "runtime",
          args: {
            ...Object.fromEntries(
              stores.flatMap(({ name, backup }) => (backup?.image ? [[backup.image, args.baseImage(name)]] : [])),
            ),
            PROGRAMS: stores.flatMap(({ backup }) => backup?.programs ?? []).join(" "),
            ...needsOf(stores),
          },
        },
      }
    : {};

function needsOf(stores: readonly Kept[]): Record<string, string> {
  const packages = stores.flatMap(({ backup }) => backup?.packages ?? []);
  const library = stores.flatMap(({ backup }) => backup?.library ?? []);
  const texts = library.map((file) => [file, content(`services/python/app/lib/${file}`)]);
  return {
    ...(packages.length ? { PACKAGES: packages.join(" ") } : {}),
    ...(library.length ? { LIBRARY: JSON.stringify(Object.fromEntries(texts)) } : {}),
  };
}

/** What the service is told of the stores, in services/backup's words (settings.py). */
const storesFile = (given: readonly { store: Kept; tells: Readonly<Record<string, unknown>> }[]): string =>
  JSON.stringify(
    given.map(({ store: { name, title, backup }, tells }) => {
      const { module, file } = backup!;
      return { name, title, module, file, given: tells };
    }),
    null,
    1,
  );

/** @param after What makes the log-ins and the tables. */
export function backup(args: BackupArgs, stores: readonly Kept[], after: readonly string[]): ServiceSpec[] {
  const { stack, settings } = args;
  if (settings.backup === undefined) return [];
  const { every, keep, device, s3 } = settings.backup;
  const given = stores.flatMap((store) => (store.backup ? [{ store, ...store.backup.gives(args) }] : []));
  // PostgreSQL's image declares a volume, where everybody may write: it would get a nameless one there otherwise.
  const work = stores.map((store) => store.backup?.work?.(args)).find(Boolean) ?? WORK;
  // Group that may read the files of a volume.
  const gid = given.find((one) => one.gid !== undefined)?.gid;
  return [
    {
      name: "backup",
      tier: "data",
      kind: "stateful",
      image: { build: "backup" },
      uid: UID,
      ...(gid === undefined ? {} : { gid }),
      command: ["backup", "serve"],
      after,
      environment: {
        APP_ENV: settings.environment,
        BACKUP_STACK: stack,
        BACKUP_EVERY: seconds(every),
        BACKUP_KEEP: keep,
        METRICS_PORT: METRICS,
        ...(work === WORK ? {} : { BACKUP_WORK: work }),
        ...(s3 ? { BACKUP_S3_BUCKET: s3.bucket, BACKUP_S3_PREFIX: s3.prefix ?? prefix(settings.system, stack) } : {}),
        ...(s3?.endpoint === undefined ? {} : { BACKUP_S3_ENDPOINT: s3.endpoint }),
        ...(s3?.region === undefined ? {} : { BACKUP_S3_REGION: s3.region }),
      },
      config: { "stores.json": storesFile(given) },
      secrets: {
        "backup-key": "@{backupKey}\n@{backupKey|previous}\n",
        ...Object.fromEntries(given.flatMap(({ secrets = {} }) => Object.entries(secrets))),
        ...(s3 ? { "s3-access-key": "@{backupS3AccessKey}", "s3-secret-key": "@{backupS3SecretKey}" } : {}),
      },
      volumes: [
        ...given.flatMap(({ volumes = [] }) => volumes),
        { name: "backup-work", path: work, keep: "scratch" },
        ...(s3
          ? []
          : [
              {
                name: "backup-data",
                path: "/backups",
                keep: "data" as const,
                ...(device === undefined ? {} : { device }),
              },
            ]),
      ],
      networks: ["data", "monitoring", ...(s3 ? ["egress" as const] : [])],
      metrics: { port: METRICS },
      // The image has neither curl nor wget.
      health: healthCheck.bash(METRICS, "/health"),
      limits: { memory: given.reduce((sum, { memory = 0 }) => sum + memory, 384), cpus: 0.5 },
      stopGrace: 30,
    },
  ];
}
