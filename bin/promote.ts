/** Writes the images that ran in one stack into another's stack file: node bin/promote.ts <from> <to> */
import { readFileSync, writeFileSync } from "node:fs";
import { stackFile } from "../config/checkout.ts";
import { imageHere } from "../config/here.ts";
import { formatProblems, Refusal } from "../config/problems.ts";
import { systemOf } from "../config/shape.ts";
import type { Plan } from "../plan/types.ts";
import { systems } from "../systems/index.ts";
import { pinned, promoted, type Pulled, refusals } from "./promotion.ts";
import { runningImages } from "./pulumi.ts";
import { builtImages, dockerOf, main, planOf } from "./stack.ts";

type References = Readonly<Record<string, string>>;
type Config = Readonly<Record<string, unknown>>;
const configOf = (stack: string): Config => stackFile(stack, ".").config ?? {};
const namedIn = (config: Config, key: "berth:images" | "berth:baseImages"): References =>
  (config[key] ?? {}) as References;

/** What a stack's services pull, as its engine has it. @param own Its `berth:baseImages`. @param next The other's. */
async function pulledBy(plan: Plan, images: References, own: References, next: References): Promise<Pulled[]> {
  const used = new Set(plan.services.flatMap(({ image }) => ("pull" in image ? [image.pull] : [])));
  const docker = dockerOf(plan.stack);
  const digestsOf = (image: string): Promise<string[]> =>
    docker("image", "inspect", "--format", "{{json .RepoDigests}}", image).then(
      ({ stdout }) => (JSON.parse(stdout) ?? []) as string[],
      () => [],
    );
  const pulled = Object.entries(images).map(async ([name, reference]): Promise<Pulled[]> => {
    const usual = imageHere(reference);
    const [ran, wanted] = [own[name] ?? usual, next[name] ?? usual];
    return used.has(ran) ? [{ name, ran, wanted, digests: await digestsOf(ran) }] : [];
  });
  return (await Promise.all(pulled)).flat();
}

async function promote(from: string, to: string): Promise<void> {
  const file = `Pulumi.${to}.yaml`;
  const config = configOf(to);
  const [there, next] = [namedIn(config, "berth:images"), namedIn(config, "berth:baseImages")];
  const plan = planOf(from);
  const images = builtImages(plan, await runningImages(from));
  const system = systemOf(systems, config["berth:system"] as string | undefined, to).name;
  const problems = refusals({ stack: from, system: plan.system, images }, { stack: to, system });
  if (problems.length)
    throw new Refusal(
      formatProblems(from, problems, `the images of stack ${from} cannot be promoted to ${to}. Nothing was written.`),
    );
  const digests = images as Record<string, string>;
  const own = namedIn(configOf(from), "berth:baseImages");
  const pulled = pinned(await pulledBy(plan, systems[plan.system as keyof typeof systems].images, own, next));
  const changed = Object.keys(digests).filter((name) => there[name] !== digests[name]);
  writeFileSync(file, promoted(readFileSync(file, "utf8"), digests, pulled.images));
  for (const name of changed) console.log(`${name}: ${there[name] ?? "built"} → ${digests[name]}`);
  const moved = Object.entries(pulled.images).filter(([name, reference]) => next[name] !== reference);
  for (const [name, reference] of moved) console.log(`${name}: pulled as ${reference}`);
  for (const why of pulled.left) console.log(`not carried, ${why}`);
  console.log(
    changed.length || moved.length
      ? `${file} names what ran in ${from}. Review: git diff ${file}   See what changes: bin/preview ${to}   Apply: bin/up ${to}`
      : `${file} names what ran in ${from} already.`,
  );
}

await main((from) => promote(from, process.argv[3]!));
