/** Releases of SampleMind that cannot work, each in another way. */
import type { Broken } from "../driver.ts";

const MAIN = "services/samplemind/src/app/main.py";
const TASKS = "services/samplemind/src/samplemind/jobs/tasks.py";

export const broken: readonly Broken[] = [
  {
    what: "has a setting that it does not take",
    gate: true,
    change: ({ project }) => {
      project.environment("backend", { SESSION_TTL: "long" });
      return () => project.environment("backend", { SESSION_TTL: undefined });
    },
    culprit: ["backend", /SESSION_TTL: got 'long'/],
  },
  {
    what: "has a backend that cannot import",
    change: ({ project }) => project.insert(MAIN, "from samplemind.api", "import nothing_that_there_is\n"),
    culprit: ["(backend|frontend)", /nothing_that_there_is/],
  },
  {
    what: "has a worker that cannot import",
    gate: true,
    change: ({ project }) => project.insert(TASKS, "import asyncio", "import nothing_that_there_is\n"),
    culprit: ["(worker|beat|flower)", /nothing_that_there_is/],
  },
];
