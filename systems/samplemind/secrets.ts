/** SampleMind's own secrets. */
import type { SecretLeaves } from "../../config/secrets.ts";

export const secrets = {
  sessionSecret: {
    description: "Key that signs sessions.",
    example: "a long random text",
    generated: 64,
    minLength: 32,
    former: "sessionPreviousSecret",
  },
  sessionPreviousSecret: {
    description: "Key that still verifies sessions signed before the last rotation; several, one a line.",
    form: "lines",
    example: "the former sessionSecret",
    minLength: 32,
  },
  adminPassword: {
    description: "Password of the first user, berth:adminEmail, where berth:seed is off.",
    example: "a long random text",
    generated: 24,
    minLength: 16,
  },
  seedPassword: {
    description: "Password of the test users, where berth:seed is on.",
    example: "a long random text",
    generated: 24,
    minLength: 8,
  },
  flowerPassword: {
    description: "Password of Flower's user admin.",
    form: "ascii",
    example: "a long random text",
    generated: 24,
    minLength: 12,
  },
  aiProviderKey: {
    description:
      "Key of an OpenAI-compatible service that describes samples in words. Without it they are not described.",
    form: "ascii",
    example: "sk-…",
    minLength: 8,
  },
} satisfies SecretLeaves;
