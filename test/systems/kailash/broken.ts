/** Releases of Kailash that cannot work, each in another way. */
import type { Broken } from "../driver.ts";

const DATA = "services/kailash/src/knowledge/data.py";
const MIGRATION = "services/kailash/src/knowledge/migrations/9999_broken.sql";

export const broken: readonly Broken[] = [
  {
    what: "has a setting that it does not take",
    gate: true,
    change: ({ project }) => {
      project.environment("nexus", { SESSION_TTL: "long" });
      return () => project.environment("nexus", { SESSION_TTL: undefined });
    },
    culprit: ["nexus", /SESSION_TTL.*\blong\b/],
  },
  {
    what: "has a dataflow that cannot import",
    change: ({ project }) => project.insert(DATA, "import asyncio", "import nothing_that_there_is\n"),
    culprit: ["dataflow", /nothing_that_there_is/],
  },
  {
    what: "has a migration that fails",
    change: ({ project }) => {
      project.write(MIGRATION, "CREATE TABLE half (id text);\nSELECT nothing FROM nowhere;\n");
      return () => project.delete(MIGRATION);
    },
    culprit: ["migrate", /relation \\*"nowhere\\*" does not exist/],
  },
];
