/** Writes the images that ran in one stack into another's stack file: node bin/promote.ts <from> <to> */
import { readFileSync, writeFileSync } from "node:fs";
import { parse } from "yaml";
import { formatProblems, ProblemsError } from "../config/problems.ts";
import { systemOf } from "../config/shape.ts";
import { systems } from "../systems/index.ts";
import { promoted, refusals } from "./promotion.ts";
import { runningImages } from "./pulumi.ts";
import { builtImages, planOf } from "./stack.ts";

const [from, to] = process.argv.slice(2) as [string, string];
const file = `Pulumi.${to}.yaml`;
const { config = {} } = parse(readFileSync(file, "utf8")) as { config?: Record<string, unknown> };
const there = (config["berth:images"] ?? {}) as Record<string, string>;

async function promote(): Promise<void> {
  const plan = planOf(from);
  const images = builtImages(plan, await runningImages(from));
  const system = systemOf(systems, config["berth:system"] as string | undefined, to).name;
  const problems = refusals({ stack: from, system: plan.system, images }, { stack: to, system });
  if (problems.length)
    throw new Error(
      formatProblems(from, problems, `the images of stack ${from} cannot be promoted to ${to}. Nothing was written.`),
    );
  const digests = images as Record<string, string>;
  const changed = Object.keys(digests).filter((name) => there[name] !== digests[name]);
  writeFileSync(file, promoted(readFileSync(file, "utf8"), digests));
  for (const name of changed) console.log(`${name}: ${there[name] ?? "built"} → ${digests[name]}`);
  console.log(
    changed.length
      ? `${file} names what ran in ${from}. Review: git diff ${file}   See what changes: bin/preview ${to}   Apply: bin/up ${to}`
      : `${file} names what ran in ${from} already.`,
  );
}

try {
  await promote();
} catch (error) {
  console.error(error instanceof ProblemsError ? error.message : `error: ${(error as Error).message}`);
  process.exitCode = 1;
}
