/** Lists what the images of a stack hold, and judges it: node bin/scan.ts [stack [image …]] */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ProblemsError } from "../config/problems.ts";
import type { Plan } from "../plan/types.ts";
import { buildImage } from "../scan/build.ts";
import { databaseFor } from "../scan/database.ts";
import { docker } from "../scan/export.ts";
import { exitCode, judge } from "../scan/gate.ts";
import { lines } from "../scan/lines.ts";
import { report } from "../scan/report.ts";
import { type Bill, scannedOf } from "../scan/scanned.ts";
import { supportWarnings } from "../scan/support.ts";
import { hold, list, versionOf, wordsOf } from "../scan/trivy.ts";
import type { Database, Scanned } from "../scan/types.ts";
import { waivers } from "../scan/waivers.ts";
import { runningImages } from "./pulumi.ts";
import { builtImages, planOf } from "./stack.ts";

/** An image by the name that the report gives it. */
interface Target {
  readonly name: string;
  readonly reference: string;
}

const [stack = "dev", ...named] = process.argv.slice(2);
const FOLDER = `.state/sbom/${stack}`;
const BROUGHT = process.env["BERTH_OSV"] || undefined;
const OSV = BROUGHT ?? ".state/osv";
const say = (what: string): void => {
  process.stderr.write(`${what}\n`);
};
const fileOf = (name: string): string => `${FOLDER}/${name.replaceAll(/[^A-Za-z0-9.]+/g, "-")}.json`;

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

interface Listed {
  readonly name: string;
  /** The file of its bill of materials. */
  readonly file: string;
  /** A string: why it could not be listed. */
  readonly bill: Bill | string;
}

/** An image that Trivy cannot list is not judged, by name; the others are. */
async function listed({ name, reference }: Target, flags: readonly string[]): Promise<Listed> {
  say(`listing ${name}`);
  const [folder, file] = [mkdtempSync(join(tmpdir(), "berth-scan-")), fileOf(name)];
  try {
    const archive = join(folder, "image.tar");
    await docker("save", "--output", archive, reference);
    return { name, file, bill: await list(archive, name, file, flags) };
  } catch (error) {
    return { name, file, bill: wordsOf(error) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function judged({ name, file, bill }: Listed, database: Database | string): Promise<Scanned> {
  if (typeof bill === "string")
    return { image: name, findings: [], listed: {}, judged: {}, unjudged: [`Trivy cannot list it: ${bill}`] };
  const held = typeof database === "string" ? undefined : await hold(file, database);
  return { ...scannedOf(name, bill, database, held), bill: file };
}

async function scan(): Promise<void> {
  const version = await versionOf();
  if (version === undefined) {
    say(
      "error: no image was judged, because Trivy is not installed: https://trivy.dev, or bench/scan/build.sh where only package registries are reachable",
    );
    process.exitCode = 2;
    return;
  }
  if (BROUGHT !== undefined && !existsSync(BROUGHT))
    throw new Error(
      `BERTH_OSV names ${BROUGHT}, which is not there: it takes a folder of OSV entries (docs/images.md)`,
    );
  const plan = planOf(stack);
  const targets = named.length ? named.map((name) => ({ name, reference: name })) : await targetsOf(plan);
  for (const name of named) await obtain(name, plan.platform);
  const base = await databaseFor(OSV, ".state/trivy");
  rmSync(FOLDER, { recursive: true, force: true });
  mkdirSync(FOLDER, { recursive: true });
  const found: Listed[] = [];
  for (const target of targets) found.push(await listed(target, typeof base === "string" ? [] : base.flags));
  const bills = found.flatMap(({ bill, file }) => (typeof bill === "string" ? [] : [file]));
  const database = typeof base === "string" ? base : await base.complete(bills);
  const all: Scanned[] = [];
  for (const one of found) all.push(await judged(one, database));
  const skipped = typeof database === "string" ? [] : (database.covered?.skipped ?? []);
  if (skipped.length) all.push({ image: OSV, findings: [], listed: {}, judged: {}, unjudged: skipped });
  const today = new Date().toISOString().slice(0, 10);
  const verdict = judge(all, waivers, today);
  const support = supportWarnings(
    named.length ? named : [...targets.map(({ name }) => name), ...basesOf(plan)],
    lines,
    today,
  );
  const by = typeof database === "string" ? `nobody: ${database}` : `Trivy ${version} and ${database.what}`;
  console.log(report(`Images of stack ${stack}`, by, verdict, all, support));
  process.exitCode = exitCode(verdict);
}

try {
  await scan();
} catch (error) {
  console.error(error instanceof ProblemsError ? error.message : `error: ${(error as Error).message.trim()}`);
  process.exitCode = 1;
}
