/**
 * All of an update but its set-up, in one process: node bin/up.ts <stack>, by bin/up, while it holds the stack's lock.
 *
 * What a former run left is put right; what cannot work is refused; what was changed behind Pulumi's back is mended,
 * with the same eyes as bin/drift's; what is applied is kept as a release, once it runs.
 */
import { spawn } from "node:child_process";
import { stackFile, versionsIn } from "../config/checkout.ts";
import { ProblemsError, Refusal } from "../config/problems.ts";
import type { Plan } from "../plan/types.ts";
import { repair } from "./drift.ts";
import { abandoned, leaving } from "./leaving.ts";
import { takenPorts } from "./ports.ts";
import { HELD } from "./pulumi.ts";
import { recover } from "./recover.ts";
import { Releases } from "./release.ts";
import { dockerOf, engineOf, main, planOf } from "./stack.ts";
import { summary } from "./summary.ts";
import { misplacedVolumes } from "./volumes.ts";

/** @returns the plan, and the options that make `pulumi up` mend the rest */
async function before(stack: string): Promise<{ readonly plan: Plan; readonly mend: readonly string[] }> {
  const docker = dockerOf(stack);
  const deployment = await recover(stack, docker);
  const plan = planOf(stack);
  const problems = [
    ...leaving(plan, versionsIn(stackFile(stack, ".")), deployment),
    // Of another machine's ports nothing is known here: its engine refuses what is taken.
    ...(engineOf(stack) === undefined ? await takenPorts(plan, docker) : []),
    ...(await misplacedVolumes(plan, docker, deployment)),
  ];
  if (problems.length) throw new ProblemsError(stack, problems);
  for (const volume of abandoned(plan, deployment))
    console.error(`nothing of stack ${stack} uses volume ${volume} any more: it stays on the engine, with its data`);
  const mend = await repair(stack, deployment, docker).catch((error: Error) => {
    throw new Refusal(`${error.message}\nerror: could not compare stack ${stack} with its engine`);
  });
  return { plan, mend };
}

/** Shows what a program says while it says it. @returns it, and whether the program ended with 0 */
async function shown(file: string, args: readonly string[]): Promise<{ readonly said: string; readonly ok: boolean }> {
  const child = spawn(file, args, { stdio: ["inherit", "pipe", "pipe"] });
  // Ctrl-C reaches the child too, which ends in its own time.
  const wait = (): void => undefined;
  process.on("SIGINT", wait);
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      process.stdout.write(text);
    });
  const code = await new Promise((resolve, reject) => child.on("close", resolve).on("error", reject));
  process.off("SIGINT", wait);
  return { said, ok: code === 0 };
}

/** What the CLI's words mean, where they do not say what to do. */
const waysOut = (stack: string): readonly (readonly [RegExp, string])[] => [
  [
    /no space left on device/i,
    "the engine's disk is full. See docker system df, free room with docker image prune, then run this again",
  ],
  [
    /port is already allocated|address already in use/i,
    `another program or stack has the port: pulumi config set berth:portOffset 100 --stack ${stack}`,
  ],
  [
    /cannot assign requested address/i,
    `the engine's machine has no such address: pulumi config set berth:bindAddress 0.0.0.0 --stack ${stack}`,
  ],
  [
    /pool overlaps with other one|non-overlapping IPv4 address pool/i,
    `another network of the engine has these addresses: pulumi config set berth:subnet 10.201.0.0/20 --stack ${stack}, or docker network prune`,
  ],
  [
    /cannot be deleted|it is protected/i,
    "data, or a key that data needs, would leave the state: docs/backup.md, Switched off",
  ],
  [/currently locked/i, `another run is at work on this stack. If none is: pulumi cancel --stack ${stack} --yes`],
  [/\[mandatory\]/i, "a rule is broken. Keep to it, or exempt the service until a day: docs/policy.md"],
  [/incorrect passphrase/i, "PULUMI_CONFIG_PASSPHRASE is not this stack's"],
  [
    /toomanyrequests|pull rate limit/i,
    "the registry lets nobody pull so often. docker login on the machine that runs this, or a mirror: berth:baseImages",
  ],
  [/manifest unknown|pull access denied/i, "an image that is named does not exist: see berth:baseImages"],
  [
    /authentication is required|mismatched registry credentials/i,
    "the registry of berth:registry refused the push: docker login, as somebody who may push",
  ],
];

await main(async (stack) => {
  const { plan, mend } = await before(stack);
  const releases = new Releases(stack);
  releases.take();
  const options = ["--yes", "--skip-preview", "--non-interactive", ...HELD, ...mend];
  const { said, ok } = await shown("pulumi", ["up", "--stack", stack, ...options]);
  if (!ok) {
    await shown("bin/culprits", [stack]);
    for (const [words, way] of waysOut(stack)) if (words.test(said)) console.error(`way out: ${way}`);
    throw new Refusal(
      `stack ${stack} is not complete. What ran before runs on; mend the cause and run bin/up ${stack} again`,
    );
  }
  await releases.keep().catch((error: Error) => {
    console.error(`error: ${error.message}\nwarning: this release was not kept, bin/rollback will not find it`);
  });
  console.log(summary(plan));
});
