/**
 * All that comes before an update, in one process: node bin/before-up.ts <stack>, by bin/up, while it holds the stack's
 * lock. What a former run left is put right; what cannot work is refused; what was changed behind Pulumi's back is
 * mended, with the same eyes as bin/drift's; and what is applied is kept.
 *
 * Prints the options that make `pulumi up` mend the rest, a line each.
 */
import { ProblemsError, Refusal } from "../config/problems.ts";
import { repair } from "./drift.ts";
import { takenPorts } from "./ports.ts";
import { recover } from "./recover.ts";
import { Releases } from "./release.ts";
import { dockerOf, engineOf, main, planOf } from "./stack.ts";
import { misplacedVolumes } from "./volumes.ts";

await main(async (stack) => {
  const docker = dockerOf(stack);
  const deployment = await recover(stack, docker);
  const plan = planOf(stack);
  const problems = [
    // Of another machine's ports nothing is known here: its engine refuses what is taken.
    ...(engineOf(stack) === undefined ? await takenPorts(plan, docker) : []),
    ...(await misplacedVolumes(plan, docker)),
  ];
  if (problems.length) throw new ProblemsError(stack, problems);
  const options = await repair(stack, deployment, docker).catch((error: Error) => {
    throw new Refusal(`${error.message}\nerror: could not compare stack ${stack} with its engine`);
  });
  new Releases(stack).take();
  for (const option of options) console.log(option);
});
