/** What is set and has no effect is refused, not ignored. */
import { type Problem, setCommand } from "../../config/problems.ts";
import { generatedIn, type SecretKey, type SecretLeaves } from "../../config/secrets.ts";
import { LOCAL } from "../../config/schema.ts";
import { references, templatesOf } from "../template.ts";
import type { Context, Notice, PlannedService, System } from "../types.ts";
import type { Draft } from "./draft.ts";
import { freePort } from "./ports.ts";

export const effectProblems = (draft: Draft): Problem[] => [
  ...unreadSecrets(draft),
  ...uselessCertificate(draft),
  ...plainUrl(draft),
];

/** Of what is switched off here as well: the same file serves machines that run it. */
function readIn({ services }: System, leaves: SecretLeaves): ReadonlySet<SecretKey> {
  const named = services.flatMap(templatesOf).flatMap(references);
  const names = new Set(named.map(({ name }) => name));
  const previous = new Set(named.filter(({ filter }) => filter === "previous").map(({ name }) => name));
  const keys = Object.keys(leaves).filter((key) => names.has(key) || leaves[key]!.outlives);
  const former = keys.filter((key) => previous.has(key) || leaves[key]!.outlives);
  return new Set([...keys, ...former.flatMap((key) => leaves[key]!.former ?? [])]);
}

function unreadSecrets({ system, context: { configured, settings, shape, stack } }: Draft): Problem[] {
  const leaves = shape.secrets;
  const read = readIn(system, leaves);
  const got = "set, but nothing reads it";
  const unread = generatedIn(leaves).filter((key) => !read.has(key));
  const versions = unread.filter((key) => settings.secretVersions[key] !== undefined);
  return [
    ...[...configured]
      .filter((key) => !read.has(key))
      .map((key) => ({
        key: `berth:${key}`,
        got,
        allowed: `unset: no file of ${system.name} names it, as it is set up here. ${leaves[key]!.description}`,
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

/** Whoever follows the address would be sent on by the edge, and Twilio, which signs what it was told, be refused. */
function plainUrl({ context: { configured, settings, stack } }: Draft): Problem[] {
  const { publicUrl } = settings;
  if (!configured.has("tlsCertificate") || publicUrl === undefined || !/^http:/i.test(publicUrl)) return [];
  return [
    {
      key: "berth:publicUrl",
      got: `${publicUrl}, while the edge has a certificate and sends everybody on to https`,
      allowed: "an https URL, or no certificate",
      fix: setCommand("berth:publicUrl", publicUrl.replace(/^http:/i, "https:"), stack),
    },
  ];
}

/** What goes ahead, and is hardly what somebody meant. */
export const effectNotices = (services: readonly PlannedService[], context: Context): Notice[] => [
  ...unreached(services, context),
  ...itself(context),
];

function unreached(services: readonly PlannedService[], { stack }: Context): Notice[] {
  const edge = services.find(({ name, ports }) => name === "edge" && ports.length === 0);
  return edge === undefined
    ? []
    : [
        {
          level: "warning",
          key: "berth:ports.edge",
          got: "missing: nobody reaches the system from outside of its networks",
          allowed: "the host port of the edge",
          fix: setCommand("berth:ports.edge", freePort(services, 8000), stack),
        },
      ];
}

/** On the machine it would be another program; in a container nobody is there. */
const itself = ({ settings, stack }: Context): Notice[] =>
  Object.entries(settings.services).flatMap(([service, { environment = {} }]) =>
    Object.entries(environment)
      .filter(([, value]) => LOCAL.test(String(value)))
      .map(([name, value]) => {
        const key = `berth:services.${service}.environment.${name}`;
        return {
          level: "warning",
          key,
          got: `${String(value)}, which is the container itself`,
          allowed: "an address that containers reach",
          fix: setCommand(key, "http://<host>:<port>", stack),
        };
      }),
  );
