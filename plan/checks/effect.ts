/** What is set and has no effect is refused, not ignored. */
import { type Problem, setCommand } from "../../config/problems.ts";
import type { Settings } from "../../config/schema.ts";
import { formerLeaves, leafOf, outlivingSecrets, type SecretKey, secretKeys } from "../../config/secrets.ts";
import { references, templatesOf } from "../template.ts";
import type { System } from "../types.ts";
import type { Draft } from "./draft.ts";
import { freePort } from "./ports.ts";

export const effectProblems = (draft: Draft): Problem[] => [
  ...unreadSettings(draft),
  ...unreadSecrets(draft),
  ...uselessCertificate(draft),
];

const runs = (name: string) => (system: System) => system.services.some((service) => service.name === name);
const migrates = ({ schemaVersion }: System): boolean => schemaVersion !== undefined;

/** Settings that say something to one part of a system: what the part is, and whether the system has it. */
const PARTS: Readonly<Partial<Record<keyof Settings, readonly [part: string, has: (system: System) => boolean]>>> = {
  backup: ["service that makes backups", runs("backup")],
  seed: ["test data", runs("seed")],
  schema: ["migrations", migrates],
  allowDestructiveMigrations: ["migrations", migrates],
};

function unreadSettings({ system, context: { settings, stack } }: Draft): Problem[] {
  return Object.entries(PARTS)
    .filter(([key, [, has]]) => Boolean(settings[key as keyof Settings]) && !has(system))
    .map(([key, [part]]) => ({
      key: `berth:${key}`,
      got: "set, but nothing reads it",
      allowed: `unset: the system ${system.name} has no ${part}`,
      fix: `pulumi config rm berth:${key} --stack ${stack}`,
    }));
}

/** Of what is switched off here as well: the same file serves machines that run it. */
function readIn({ services }: System): ReadonlySet<SecretKey> {
  const named = services.flatMap(templatesOf).flatMap(references);
  const names = new Set(named.map(({ name }) => name));
  const previous = new Set(named.filter(({ filter }) => filter === "previous").map(({ name }) => name));
  const keys = secretKeys.filter((key) => names.has(key) || outlivingSecrets.has(key));
  const former = keys.filter((key) => previous.has(key) || outlivingSecrets.has(key));
  return new Set([...keys, ...former.flatMap((key) => formerLeaves[key] ?? [])]);
}

function unreadSecrets({ system, context: { configured, settings, stack } }: Draft): Problem[] {
  const read = readIn(system);
  const got = "set, but nothing reads it";
  const unread = secretKeys.filter((key) => leafOf(key).generated !== undefined && !read.has(key));
  const versions = unread.filter((key) => settings.secretVersions[key] !== undefined);
  return [
    ...[...configured]
      .filter((key) => !read.has(key))
      .map((key) => ({
        key: `berth:${key}`,
        got,
        allowed: `unset: no file of ${system.name} names it, as it is set up here. ${leafOf(key).description}`,
        fix: `pulumi config rm berth:${key} --stack ${stack}`,
      })),
    ...versions.map((key) => ({
      key: `berth:secretVersions.${key}`,
      got,
      allowed: `unset: no file of ${system.name} names the secret, as it is set up here`,
      fix: `pulumi config rm --path berth:secretVersions.${key} --stack ${stack}`,
    })),
  ];
}

/** With a certificate, what comes without TLS is sent to the port of TLS. */
function uselessCertificate({ system, services, context: { configured, settings, stack } }: Draft): Problem[] {
  const speaksTls = system.services.some(({ publish }) => publish?.["edge-tls"] !== undefined);
  if (!speaksTls || !configured.has("tlsCertificate") || settings.ports["edge-tls"] !== undefined) return [];
  const { portOffset, ports } = settings;
  const port = freePort(services, (ports["edge"] === 80 ? 443 : 8443) + portOffset) - portOffset;
  return [
    {
      key: "berth:ports.edge-tls",
      got: "missing, while berth:tlsCertificate is set: every request would be sent to a port where nobody listens",
      allowed: "the port of TLS",
      fix: setCommand("berth:ports.edge-tls", port, stack),
    },
  ];
}
