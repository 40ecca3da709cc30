/**
 * What is wrong with the edge's certificate, as everybody who is shown it would find, and with further authorities;
 * nothing of a key is said.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { rootCertificates } from "node:tls";
import type { Problem } from "./problems.ts";

export interface Shown {
  readonly stack: string;
  /** PEM of `berth:tlsCertificate`: the server's own first, then each one's issuer. */
  readonly certificate: string;
  /** PEM of `berth:tlsKey`. */
  readonly key: string;
  /** `berth:publicUrl`, where the stack file says. */
  readonly publicUrl: string | undefined;
  readonly now: Date;
}

const CERTIFICATE = "berth:tlsCertificate";
const KEY = "berth:tlsKey";

const problem = (key: string, got: string, allowed: string, stack: string): Problem => ({
  key,
  got,
  allowed,
  fix: `pulumi config set --secret ${key} --stack ${stack} < ${key === KEY ? "privkey.pem" : "fullchain.pem"}`,
});

/** @returns undefined where a block is no certificate. */
function chainOf(pem: string): X509Certificate[] | undefined {
  try {
    return (pem.match(/-----BEGIN CERTIFICATE-----[^]+?-----END CERTIFICATE-----/g) ?? []).map(
      (block) => new X509Certificate(block),
    );
  } catch {
    return undefined;
  }
}

/** @returns why it cannot be read, where it is no key. */
function keyOf(pem: string): KeyObject | string {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: *4,ENCRYPTED/m.test(pem))
    return "a key with a passphrase, which the edge has not";
  try {
    return createPrivateKey(pem);
  } catch {
    return "no key that can be read";
  }
}

export function certificateProblems({ stack, certificate, key: pem, publicUrl, now }: Shown): Problem[] {
  const chain = chainOf(certificate);
  const [own] = chain ?? [];
  if (chain === undefined || own === undefined)
    return [problem(CERTIFICATE, "no certificate that can be read", "PEM, the server's own certificate first", stack)];
  const key = keyOf(pem);
  return [
    ...(typeof key === "string" ? [unreadable(key, stack)] : []),
    ...(typeof key === "string" || own.checkPrivateKey(key)
      ? []
      : [problem(KEY, `does not belong to ${CERTIFICATE}`, "the key that the certificate was made for", stack)]),
    ...weakProblems(own, stack),
    ...chain.flatMap((one) => dateProblems(one, now, stack)),
    ...hostProblems(own, publicUrl, stack),
    ...orderProblems(chain, stack),
  ];
}

const unreadable = (got: string, stack: string): Problem => ({
  ...problem(KEY, got, "PEM, without a passphrase", stack),
  ...(got.includes("passphrase")
    ? { fix: `openssl pkey -in privkey.pem | pulumi config set --secret ${KEY} --stack ${stack}` }
    : {}),
});

/** Bits of RSA that OpenSSL asks for at its usual level. */
const LEAST = 2048;

function weakProblems({ publicKey }: X509Certificate, stack: string): Problem[] {
  const { asymmetricKeyType: type = "unknown", asymmetricKeyDetails: { modulusLength = LEAST } = {} } = publicKey;
  const allowed = `RSA with ${LEAST} bits or more, or an elliptic curve (ECDSA)`;
  if (!["rsa", "rsa-pss", "ec", "ed25519", "ed448"].includes(type))
    return [problem(CERTIFICATE, `a key of ${type}`, allowed, stack)];
  return modulusLength < LEAST ? [problem(CERTIFICATE, `a key of ${modulusLength} bits`, allowed, stack)] : [];
}

/** What is wrong with `berth:caCertificates`. */
export function authorityProblems(text: string, stack: string, now: Date): Problem[] {
  const key = "berth:caCertificates";
  const fix = `pulumi config set ${key} --stack ${stack} < ca.pem`;
  const all = chainOf(text);
  if (all === undefined) return [{ key, got: "no certificates that can be read", allowed: "PEM of each", fix }];
  return all
    .filter(({ validTo }) => new Date(validTo) <= now)
    .map(({ subject, validTo }) => ({
      key,
      got: `${nameOf(subject)} ended on ${day(validTo)}`,
      allowed: "authorities that still hold",
      fix,
    }));
}

/** What goes ahead, and keeps some clients out. */
export const certificateNotices = (shown: Shown): Problem[] => [...curveNotice(shown), ...chainNotice(shown)];

function curveNotice({ stack, certificate }: Shown): Problem[] {
  const { asymmetricKeyType: type = "" } = chainOf(certificate)?.[0]?.publicKey ?? {};
  return /^ed\d/.test(type)
    ? [problem(CERTIFICATE, `a key of ${type}, which no browser takes`, "ECDSA or RSA, where browsers come", stack)]
    : [];
}

const day = (text: string): string => new Date(text).toISOString().slice(0, 10);

function dateProblems({ validFrom, validTo, subject }: X509Certificate, now: Date, stack: string): Problem[] {
  const got =
    new Date(validTo) <= now
      ? `ended on ${day(validTo)}`
      : new Date(validFrom) > now
        ? `begins on ${day(validFrom)}`
        : undefined;
  return got === undefined
    ? []
    : [problem(CERTIFICATE, `${nameOf(subject)} ${got}`, `certificates that hold on ${day(now.toISOString())}`, stack)];
}

function hostProblems(own: X509Certificate, publicUrl: string | undefined, stack: string): Problem[] {
  if (publicUrl === undefined) return [];
  const host = new URL(publicUrl).hostname.replace(/^\[|\]$/g, "");
  // No browser looks at the subject any more.
  const found = isIP(host) ? own.checkIP(host) : own.checkHost(host, { subject: "never" });
  const names = own.subjectAltName ?? `nothing but ${nameOf(own.subject)}, at which nobody looks (no subjectAltName)`;
  return found === undefined
    ? [problem(CERTIFICATE, `is for ${names}, not for ${host}`, "a certificate for the host of berth:publicUrl", stack)]
    : [];
}

const isIssuedBy = (one: X509Certificate, other: X509Certificate): boolean =>
  one.checkIssued(other) && one.verify(other.publicKey);

const orderProblems = (chain: readonly X509Certificate[], stack: string): Problem[] =>
  chain.every((one, n) => n === chain.length - 1 || isIssuedBy(one, chain[n + 1]!))
    ? []
    : [problem(CERTIFICATE, "a chain that is not in order", "the server's own first, then each one's issuer", stack)];

/** The last part of a subject is what a person calls it. */
const nameOf = (subject: string): string => subject.split("\n").at(-1)!;

/** A chain that ends before a root that everybody knows: browsers may find the rest, programs do not. */
function chainNotice({ stack, certificate }: Shown): Problem[] {
  const last = chainOf(certificate)?.at(-1);
  if (last === undefined || last.issuer === last.subject) return [];
  if (rootCertificates.some((root) => last.checkIssued(new X509Certificate(root)))) return [];
  return [
    problem(
      CERTIFICATE,
      `its chain ends with what ${nameOf(last.issuer)} issued, which is no root that everybody knows`,
      "the whole chain, unless all clients know that issuer",
      stack,
    ),
  ];
}
