/** A secret that the stack file may hold, as a top-level leaf set with `--secret`. */
export interface SecretLeaf {
  readonly description: string;
  readonly example: string;
  /** Length of the password made when the stack file has none. Absent: the feature is off without it. */
  readonly generated?: number;
  /** Shortest value accepted. */
  readonly minLength: number;
  /** It is a JSON object. */
  readonly json?: true;
}

export const secretLeaves = {
  postgresPassword: {
    description: "Password of the applications' database role.",
    example: "a long random text",
    generated: 32,
    minLength: 16,
  },
  redisPassword: {
    description: "Password of the applications' Redis user.",
    example: "a long random text",
    generated: 32,
    minLength: 16,
  },
  redisAdminPassword: {
    description: "Password of the Redis user that manages the others.",
    example: "a long random text",
    generated: 32,
    minLength: 16,
  },
  redisMonitorPassword: {
    description: "Password of the Redis user that reads metrics.",
    example: "a long random text",
    generated: 32,
    minLength: 16,
  },
  redisBackupPassword: {
    description: "Password of the Redis user that takes snapshots.",
    example: "a long random text",
    generated: 32,
    minLength: 16,
  },
  backupKey: {
    description: "What backups are encrypted with. Keep a copy away from the machine.",
    example: "a long random text",
    generated: 48,
    minLength: 24,
  },
  backupPreviousKey: {
    description: "Key that still decrypts the backups made before the last rotation.",
    example: "the former backupKey",
    minLength: 24,
  },
  backupS3AccessKey: { description: "Access key of the bucket of berth:backup.s3.", example: "AKIA…", minLength: 3 },
  backupS3SecretKey: { description: "Secret key that belongs to it.", example: "a long random text", minLength: 8 },
  jwtSigningKey: {
    description: "Key that signs access and refresh tokens.",
    example: "a long random text",
    generated: 64,
    minLength: 32,
  },
  jwtPreviousKey: {
    description: "Key that still verifies tokens signed before the last rotation.",
    example: "the former jwtSigningKey",
    minLength: 32,
  },
  mfaEncryptionKey: {
    description: "Key that encrypts the users' second factors in the database.",
    example: "a long random text",
    generated: 64,
    minLength: 32,
  },
  mfaPreviousKey: {
    description: "Key that still decrypts second factors that nobody used since the last rotation.",
    example: "the former mfaEncryptionKey",
    minLength: 32,
  },
  internalPreviousToken: {
    description: "Token that the services still accept after a rotation.",
    example: "the former internalToken",
    minLength: 32,
  },
  internalToken: {
    description: "Token that the services show each other.",
    example: "a long random text",
    generated: 48,
    minLength: 32,
  },
  grafanaAdminPassword: {
    description: "Password of Grafana's user admin.",
    example: "a long random text",
    generated: 24,
    minLength: 12,
  },
  seedPassword: {
    description: "Password of the test users, where berth:seed is on.",
    example: "a long random text",
    generated: 24,
    minLength: 8,
  },
  twilioAccountSid: {
    description: "Twilio account, for outbound SMS.",
    example: "AC0123456789abcdef0123456789abcdef",
    minLength: 34,
  },
  twilioAuthToken: {
    description: "Twilio token: verifies webhooks, sends SMS. Without it SMS is off.",
    example: "0123456789abcdef0123456789abcdef",
    minLength: 16,
  },
  twilioUserNumbers: {
    description: "Phone number of each user, as a JSON object.",
    example: '{"+15551234567":"ann@example.org"}',
    minLength: 2,
    json: true,
  },
  llmApiKey: {
    description: "Key of an OpenAI-compatible LLM. Without it the agent plans by rules.",
    example: "sk-…",
    minLength: 8,
  },
  tlsCertificate: {
    description: "Certificate chain of the edge, PEM. Without it the edge speaks HTTP.",
    example: "$(cat fullchain.pem)",
    minLength: 64,
  },
  tlsKey: { description: "Private key of the certificate, PEM.", example: "$(cat privkey.pem)", minLength: 64 },
  alertWebhookUrl: {
    description:
      "Where Alertmanager posts alerts. Without this, alertSlackUrl and alertMail they stay in Alertmanager.",
    example: "https://hooks.example.org/berth",
    minLength: 8,
  },
  alertSlackUrl: {
    description: "Incoming webhook of a Slack channel, for alerts.",
    example: "https://hooks.slack.com/services/T0/B0/secret",
    minLength: 8,
  },
  alertMail: {
    description: "How alerts are mailed: Alertmanager's email_config, as a JSON object.",
    minLength: 2,
    json: true,
    example:
      '{"to":"ops@example.org","from":"berth@example.org","smarthost":"smtp.example.org:587","auth_username":"berth","auth_password":"…"}',
  },
  alertHeartbeatUrl: {
    description: "Asked every minute while Prometheus and Alertmanager work; whoever is there tells when it stops.",
    example: "https://heartbeat.example.org/berth",
    minLength: 8,
  },
} as const satisfies Record<string, SecretLeaf>;

/**
 * Secrets whose former value must be known after a change, with the leaf that holds it where the stack file has both.
 */
export const formerLeaves: Readonly<Partial<Record<SecretKey, SecretKey>>> = {
  jwtSigningKey: "jwtPreviousKey",
  mfaEncryptionKey: "mfaPreviousKey",
  internalToken: "internalPreviousToken",
  backupKey: "backupPreviousKey",
};

/**
 * Secrets that are needed when the stack, or what reads them, is gone: what they opened is still there. Each of them
 * stays in the state at `bin/down`, and so does every one before.
 */
export const outlivingSecrets: ReadonlySet<SecretKey> = new Set(["backupKey", "mfaEncryptionKey"]);

export type SecretKey = keyof typeof secretLeaves;
export const secretKeys = Object.keys(secretLeaves) as SecretKey[];
export const leafOf = (key: SecretKey): SecretLeaf => secretLeaves[key];
