/** Writes the images that ran in one stack into another's stack file: node bin/promote.ts <from> <to> */
import { readFileSync, writeFileSync } from "node:fs";
import { parse } from "yaml";
import { stackFile } from "../config/checkout.ts";
import { imageHere } from "../config/here.ts";
import { formatProblems } from "../config/problems.ts";
import { systemOf } from "../config/shape.ts";
import type { Plan } from "../plan/types.ts";
import { systems } from "../systems/index.ts";
import { pinned, promoted, type Pulled, refusals } from "./promotion.ts";
import { runningImages } from "./pulumi.ts";
import { builtImages, dockerOf, planOf, wordsOf } from "./stack.ts";

const [from, to] = process.argv.slice(2) as [string, string];
const file = `Pulumi.${to}.yaml`;
const { config = {} } = parse(readFileSync(file, "utf8")) as { config?: Record<string, unknown> };
type References = Readonly<Record<string, string>>;
const there = (config["berth:images"] ?? {}) as References;
const ownOf = (given: Readonly<Record<string, unknown>>): References => (given["berth:baseImages"] ?? {}) as References;

/** What the services of a stack pull, as its engine has it. */
async function pulledBy({ services }: Plan, images: References): Promise<Pulled[]> {
  const used = new Set(services.flatMap(({ image }) => ("pull" in image ? [image.pull] : [])));
  const own = ownOf(stackFile(from, ".").config ?? {});
  const docker = dockerOf(from);
  const digestsOf = (image: string): Promise<string[]> =>
    docker("image", "inspect", "--format", "{{json .RepoDigests}}", image).then(
      ({ stdout }) => (JSON.parse(stdout) ?? []) as string[],
      () => [],
    );
  const pulled = Object.entries(images).map(async ([name, reference]): Promise<Pulled[]> => {
    const usual = imageHere(reference);
    const [ran, wanted] = [own[name] ?? usual, ownOf(config)[name] ?? usual];
    return used.has(ran) ? [{ name, ran, wanted, digests: await digestsOf(ran) }] : [];
  });
  return (await Promise.all(pulled)).flat();
}

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
  const pulled = pinned(await pulledBy(plan, systems[plan.system as keyof typeof systems].images));
  const changed = Object.keys(digests).filter((name) => there[name] !== digests[name]);
  writeFileSync(file, promoted(readFileSync(file, "utf8"), digests, pulled.images));
  for (const name of changed) console.log(`${name}: ${there[name] ?? "built"} → ${digests[name]}`);
  const moved = Object.entries(pulled.images).filter(([name, reference]) => ownOf(config)[name] !== reference);
  for (const [name, reference] of moved) console.log(`${name}: pulled as ${reference}`);
  for (const why of pulled.left) console.log(`not carried, ${why}`);
  console.log(
    changed.length || moved.length
      ? `${file} names what ran in ${from}. Review: git diff ${file}   See what changes: bin/preview ${to}   Apply: bin/up ${to}`
      : `${file} names what ran in ${from} already.`,
  );
}

try {
  await promote();
} catch (error) {
  console.error(wordsOf(error) ?? `error: ${(error as Error).message}`);
  process.exitCode = 1;
}
