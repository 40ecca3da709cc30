/** The assistant's own secrets. */
import { z } from "zod";
import type { SecretLeaves } from "../../config/secrets.ts";

export const secrets = {
  jwtSigningKey: {
    description: "Key that signs access and refresh tokens.",
    example: "a long random text",
    generated: 64,
    minLength: 32,
    former: "jwtPreviousKey",
  },
  jwtPreviousKey: {
    description: "Key that still verifies tokens signed before the last rotation; several, one a line.",
    form: "lines",
    example: "the former jwtSigningKey",
    minLength: 32,
  },
  mfaEncryptionKey: {
    description: "Key that encrypts the users' second factors in the database.",
    example: "a long random text",
    generated: 64,
    minLength: 32,
    former: "mfaPreviousKey",
    outlives: true,
  },
  mfaPreviousKey: {
    description:
      "Key that still decrypts second factors that nobody used since the last rotation; several, one a line.",
    form: "lines",
    example: "the former mfaEncryptionKey",
    minLength: 32,
  },
  internalPreviousToken: {
    description: "Token that the services still accept after a rotation; several, one a line.",
    form: "lines",
    example: "the former internalToken",
    minLength: 32,
  },
  internalToken: {
    description: "Token that the services show each other.",
    form: "ascii",
    example: "a long random text",
    generated: 48,
    minLength: 32,
    former: "internalPreviousToken",
  },
  seedPassword: {
    description: "Password of the test users, where berth:seed is on.",
    example: "a long random text",
    generated: 24,
    minLength: 8,
  },
  twilioAccountSid: {
    description: "Twilio account, for outbound SMS.",
    form: "ascii",
    example: "AC0123456789abcdef0123456789abcdef",
    minLength: 34,
    needs: ["twilioAuthToken"],
  },
  twilioAuthToken: {
    form: "ascii",
    description: "Twilio token: verifies webhooks, sends SMS. Without it SMS is off.",
    example: "0123456789abcdef0123456789abcdef",
    minLength: 16,
    needs: ["twilioUserNumbers"],
    signsUrl: true,
  },
  twilioUserNumbers: {
    description: "Phone number of each user, with its plus and country (E.164), as a JSON object.",
    example: '{"+15551234567":"ann@example.org"}',
    minLength: 2,
    json: z.record(z.string().regex(/^\+\d{6,15}$/), z.string().min(1)),
    needs: ["twilioAuthToken"],
  },
  llmApiKey: {
    form: "ascii",
    description: "Key of an OpenAI-compatible LLM. Without it the agent plans by rules.",
    example: "sk-…",
    minLength: 8,
  },
} satisfies SecretLeaves;
