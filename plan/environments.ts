/**
 * What is forbidden in some environment. All that merely differs stands in the stack files
 * (test/unit/plan/environments.test.ts holds it).
 */
import { setCommand, type Problem } from "../config/problems.ts";
import { commonSettings, LOCAL, metaOf, type Settings } from "../config/schema.ts";
import type { Context, Notice, PlannedService, System } from "./types.ts";

/** Only in development: shows internals, runs what was just typed, or gives data away. */
export function environmentProblems(services: readonly PlannedService[], context: Context): Problem[] {
  const { environment } = context.settings;
  return [
    ...misnamed(context),
    ...mismatched(context),
    ...overridden(context),
    ...(environment === "dev" ? [] : developmentOnly(context)),
    ...(environment === "prod"
      ? [
          ...passphraseProblems(context),
          ...signatureProblems(context),
          ...publishedData(services, context),
          ...testData(context),
        ]
      : []),
  ];
}

/** A stack that is called after one environment and says that it is another would escape every check below. */
function misnamed({ settings, stack }: Context): Problem[] {
  const { options } = commonSettings.environment;
  return stack === settings.environment || !(options as string[]).includes(stack)
    ? []
    : [
        {
          key: "berth:environment",
          got: `${settings.environment}, in the stack called ${stack}`,
          allowed: stack,
          fix: setCommand("berth:environment", stack, stack),
        },
      ];
}

function mismatched({ settings, stack }: Context): Problem[] {
  return settings.sourceMounts && settings.imageTarget !== "development"
    ? [
        {
          key: "berth:imageTarget",
          got: settings.imageTarget,
          allowed: "development, because berth:sourceMounts is on",
          fix: setCommand("berth:imageTarget", "development", stack),
        },
      ]
    : [];
}

function developmentOnly({ settings, stack }: Context): Problem[] {
  const only = (key: keyof Settings, given: boolean, got: string, instead: unknown): Problem[] =>
    given
      ? [
          {
            key: `berth:${key}`,
            got: `${got} in ${settings.environment}`,
            allowed: "dev only",
            fix: setCommand(`berth:${key}`, instead, stack),
          },
        ]
      : [];
  return [
    ...only("sourceMounts", settings.sourceMounts, "switched on", false),
    ...only("debug", settings.debug, "switched on", false),
    ...only("imageTarget", settings.imageTarget === "development", "development", "runtime"),
    ...only("protectData", !settings.protectData, "switched off", true),
  ];
}

function testData({ settings, shape, stack }: Context): Problem[] {
  return Object.entries(shape.settings.shape)
    .filter(([key, leaf]) => metaOf(leaf)?.testData && Boolean(settings[key as keyof Settings]))
    .map(([key]) => ({
      key: `berth:${key}`,
      got: "test data in prod",
      allowed: "false; test data is for dev and stage",
      fix: setCommand(`berth:${key}`, false, stack),
    }));
}

/** The same settings by the back door, through a service's environment. */
function overridden({ settings, stack }: Context): Problem[] {
  const { environment } = settings;
  const isOn = (value: unknown) => /^(1|true|yes|on)$/i.test(String(value));
  const wrong = (name: string, value: unknown): string | undefined => {
    if (name === "APP_ENV") return value === environment ? undefined : `${environment}, as berth:environment`;
    return environment !== "dev" && (name === "DEBUG_PORT" || (/^(DEBUG|RELOAD)$/.test(name) && isOn(value)))
      ? "dev only"
      : undefined;
  };
  return Object.entries(settings.services).flatMap(([service, { environment: own = {} }]) =>
    Object.entries(own).flatMap(([name, value]) => {
      const allowed = wrong(name, value);
      const key = `berth:services.${service}.environment.${name}`;
      return allowed === undefined
        ? []
        : [
            {
              key,
              got: `${String(value)} in ${environment}`,
              allowed,
              fix: `pulumi config rm --path ${key} --stack ${stack}`,
            },
          ];
    }),
  );
}

/** The address 127.0.0.1 is shared by every program and every person on the machine. */
function publishedData(services: readonly PlannedService[], { stack }: Context): Problem[] {
  return services
    .filter(({ tier }) => tier === "data")
    .flatMap(({ ports }) => ports)
    .map(({ endpoint, ip, external }) => ({
      key: `berth:ports.${endpoint}`,
      got: `a database published on ${ip}:${external} in prod`,
      allowed: "not published: reached by the system alone",
      fix: `pulumi config rm --path berth:ports.${endpoint} --stack ${stack}`,
    }));
}

/**
 * Refused in production; elsewhere outside of dev a warning, so that a stage can be tried with no more than bin/env.
 */
function passphraseProblems({ publicPassphrase, settings, stack }: Context): Problem[] {
  return publicPassphrase
    ? [
        {
          key: "PULUMI_CONFIG_PASSPHRASE",
          got: `the public passphrase of dev in ${settings.environment}`,
          allowed: "a passphrase of its own, known to those who deploy it",
          fix: `pulumi stack change-secrets-provider passphrase --stack ${stack}   (then new values for every secret it held: bin/rotate)`,
        },
      ]
    : [];
}

/**
 * Where the address is this machine's own, nobody else signs it, and every call is refused for its signature. Refused
 * in production; elsewhere a warning, so that calls can be made by hand.
 */
function signatureProblems({ configured, settings, shape, stack }: Context): Problem[] {
  const { bindAddress, publicUrl = `http://${bindAddress}` } = settings;
  return !LOCAL.test(publicUrl)
    ? []
    : [...configured]
        .filter((key) => shape.secrets[key]?.signsUrl)
        .map((key) => ({
          key: "berth:publicUrl",
          got: `${settings.publicUrl ?? "missing"}, while berth:${key} is set: whoever signs with it signs the address that it calls, and none but this machine can call this one`,
          allowed: "the address that is called from outside",
          fix: setCommand("berth:publicUrl", "https://assistant.example.org", stack),
        }));
}

/**
 * What an environment can do without and should not. Whether something else does it (a disk, a
 * load balancer) cannot be seen from here.
 */
export function environmentNotices(
  services: readonly PlannedService[],
  { stores = [] }: System,
  context: Context,
): Notice[] {
  const { settings, stack, configured } = context;
  if (settings.environment !== "prod")
    return [
      ...(settings.environment === "stage" ? passphraseProblems(context) : []),
      ...signatureProblems(context),
    ].map((problem) => ({ level: "warning", ...problem }));
  const names = services.map(({ name }) => name);
  const open = !settings.bindAddress.startsWith("127.") && names.includes("edge") && !configured.has("tlsCertificate");
  return [
    ...stores.flatMap(({ name, device }) =>
      device === undefined || device.folder !== undefined
        ? []
        : [
            {
              level: "warning" as const,
              key: device.key,
              got: "missing: nothing here encrypts the database at rest",
              allowed:
                "a folder on an encrypted file system, named before the first up (docs/operations.md, Encryption at rest)",
              fix: setCommand(device.key, `/mnt/encrypted/${name}`, stack),
            },
          ],
    ),
    ...(open
      ? [
          {
            level: "warning" as const,
            key: "berth:tlsCertificate",
            got: "missing: the edge speaks plain HTTP to every address",
            allowed: "a certificate, unless what stands before the edge speaks TLS",
            fix: `pulumi config set --secret berth:tlsCertificate --stack ${stack} < fullchain.pem, the same with berth:tlsKey, then ${setCommand("berth:ports.edge-tls", 443, stack)}`,
          },
        ]
      : []),
  ];
}
