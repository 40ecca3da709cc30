/** Stacks that several chapters share. */
import type { Session } from "../systems/driver.ts";
import { good } from "./command.ts";
import type { Stack } from "./stack.ts";

/** Brings a stack up where no chapter before did, as where a chapter runs alone, and logs in. */
export async function provisioned(stack: Stack): Promise<void> {
  const { project } = stack;
  const session: Session | undefined = stack.session;
  if (!session) await good(project.script("up", project.stack));
  await stack.enter();
}
