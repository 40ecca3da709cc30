/** Kailash's own secrets. */
import type { SecretLeaves } from "../../config/secrets.ts";

export const secrets = {
  apiToken: {
    description: "Token that whoever calls API, MCP or Nexus shows: Authorization: Bearer <token>.",
    form: "ascii",
    example: "a long random text",
    generated: 48,
    minLength: 24,
    former: "apiPreviousToken",
  },
  apiPreviousToken: {
    description:
      "Token that is still taken from those who have it since before the last rotation; several, one a line.",
    form: "lines",
    example: "the former apiToken",
    minLength: 24,
  },
  embeddingsKey: {
    description: "Key of an OpenAI-compatible service that makes vectors. Without it a small model of our own does.",
    form: "ascii",
    example: "sk-…",
    minLength: 8,
  },
} satisfies SecretLeaves;
