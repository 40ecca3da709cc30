/** Releases of SampleMind that cannot work, each in another way. */
import type { Broken } from "../driver.ts";

const TASKS = "services/samplemind/src/samplemind/jobs/tasks.py";

export const broken: readonly Broken[] = [
  {
    what: "has a worker that cannot import",
    gate: true,
    change: ({ project }) => project.insert(TASKS, "import asyncio", "import nothing_that_there_is\n"),
    culprit: ["(worker|beat|flower)", /nothing_that_there_is/],
  },
];
