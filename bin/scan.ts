/** Lists what the images of a stack hold, and judges it: node bin/scan.ts [stack [image …]] */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ProblemsError } from "../config/problems.ts";
import type { Plan } from "../plan/types.ts";
import { buildImage } from "../scan/build.ts";
import { readDatabase } from "../scan/database.ts";
import { contentsOf, docker } from "../scan/export.ts";
import { exitCode, judge } from "../scan/gate.ts";
import { keysOf } from "../scan/osv.ts";
import { inventoryOf, isWanted } from "../scan/packages.ts";
import { type Bill, report } from "../scan/report.ts";
import { billOf } from "../scan/sbom.ts";
import { lines } from "../scan/lines.ts";
import { hold } from "../scan/scanner.ts";
import { supportWarnings } from "../scan/support.ts";
import { askTrivy, hasTrivy, listedBy, ofTrivy } from "../scan/trivy.ts";
import type { Inventory, Scanned } from "../scan/types.ts";
import { waivers } from "../scan/waivers.ts";
import { runningImages } from "./pulumi.ts";
import { builtImages, planOf } from "./stack.ts";

/** An image by the name that the report gives it. */
interface Target {
  readonly name: string;
  readonly reference: string;
}
interface Result {
  readonly judge: string;
  readonly scanned: readonly Scanned[];
  readonly bills: readonly Bill[];
}

const [stack = "dev", ...named] = process.argv.slice(2);
const FOLDER = `.state/sbom/${stack}`;
const OSV = process.env["BERTH_OSV"] || ".state/osv";
const say = (what: string): void => {
  process.stderr.write(`${what}\n`);
};
const fileOf = (name: string): string => `${FOLDER}/${name.replaceAll(/[^A-Za-z0-9.]+/g, "-")}`;
const counted = (kinds: readonly string[]): Record<string, number> =>
  Object.fromEntries(Object.entries(Object.groupBy(kinds, (kind) => kind)).map(([kind, all]) => [kind, all!.length]));

/** What runs; of what does not run yet, what an up would run. */
async function targetsOf(plan: Plan): Promise<Target[]> {
  const running = await runningImages(stack);
  const targets = new Map<string, string>();
  for (const [name, ran] of Object.entries(builtImages(plan, running)))
    targets.set(name, ran ?? plan.images[name]!.existing ?? (await build(name, plan)));
  for (const { name, image } of plan.services)
    if ("pull" in image) {
      targets.set(image.pull, image.pull);
      // A stack that has not followed this checkout yet runs another one.
      if (running[name]) targets.set(running[name], running[name]);
    }
  for (const reference of targets.values()) await obtain(reference, plan.platform);
  return [...targets].map(([name, reference]) => ({ name, reference })).sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** What the images are built on that are built here. */
const basesOf = ({ images }: Plan): string[] =>
  Object.values(images).flatMap(({ args }) =>
    Object.entries(args).flatMap(([name, value]) => (name.endsWith("_IMAGE") ? [value] : [])),
  );

/** As Pulumi would, up to the labels; the layers are shared with it. */
async function build(name: string, plan: Plan): Promise<string> {
  say(`building ${name}, which stack ${stack} does not run yet`);
  return buildImage({ ...plan.images[name]!, platform: plan.platform });
}

async function obtain(reference: string, platform: string): Promise<void> {
  try {
    await docker("image", "inspect", "--format", "{{.Id}}", reference);
    return;
  } catch {
    /* the engine does not have it */
  }
  say(`pulling ${reference}`);
  await docker("pull", "--quiet", "--platform", platform, reference);
}

async function byTrivy(targets: readonly Target[]): Promise<Result> {
  const [scanned, bills] = [[] as Scanned[], [] as Bill[]];
  for (const { name, reference } of targets) {
    say(`scanning ${name}`);
    const [file, folder] = [`${fileOf(name)}.json`, mkdtempSync(join(tmpdir(), "berth-scan-"))];
    try {
      const found = await askTrivy(reference, folder, file);
      scanned.push(ofTrivy(name, found));
      bills.push({ image: name, file, listed: listedBy(found) });
    } finally {
      rmSync(folder, { recursive: true });
    }
  }
  return { judge: "Trivy", scanned, bills };
}

async function byUs(targets: readonly Target[]): Promise<Result> {
  const [inventories, bills] = [new Map<string, Inventory>(), [] as Bill[]];
  for (const { name, reference } of targets) {
    say(`reading ${name}`);
    const { files, entries } = await contentsOf(reference, isWanted);
    const inventory = inventoryOf(files, entries);
    const file = `${fileOf(name)}.json`;
    writeFileSync(
      file,
      `${JSON.stringify(billOf(name, await docker("image", "inspect", "--format", "{{.Id}}", reference), inventory), null, 2)}\n`,
    );
    inventories.set(name, inventory);
    bills.push({ image: name, file, listed: counted(inventory.packages.map(({ ecosystem }) => ecosystem)) });
  }
  const database = readDatabase(OSV, new Set([...inventories.values()].flatMap(keysOf)));
  return {
    judge: database
      ? `berth's own scanner against ${database.count} OSV entries in ${OSV}, the newest of ${database.newest}`
      : "nobody: neither Trivy nor a database is here",
    scanned: [...inventories].map(([name, inventory]) => hold(name, inventory, database, OSV)),
    bills,
  };
}

async function scan(): Promise<void> {
  const plan = planOf(stack);
  const targets = named.length ? named.map((name) => ({ name, reference: name })) : await targetsOf(plan);
  for (const name of named) await obtain(name, plan.platform);
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  const result = await ((await hasTrivy()) ? byTrivy(targets) : byUs(targets));
  const today = new Date().toISOString().slice(0, 10);
  const verdict = judge(result.scanned, waivers, today);
  const support = supportWarnings(
    named.length ? named : [...targets.map(({ name }) => name), ...basesOf(plan)],
    lines,
    today,
  );
  console.log(report(`Images of stack ${stack}`, result.judge, verdict, result.scanned, result.bills, support));
  process.exitCode = exitCode(verdict);
}

try {
  await scan();
} catch (error) {
  console.error(error instanceof ProblemsError ? error.message : `error: ${(error as Error).message.trim()}`);
  process.exitCode = 1;
}
