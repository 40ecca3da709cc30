/**
 * One stack of the assistant goes through all that an operator does to a stack, and that happens to an operator: what
 * a promise is, its file says (test/promises). The order counts: the first creation is the one that is killed, and
 * each chapter leaves a healthy stack. A chapter that runs alone provisions it first.
 */
import { crash } from "../promises/crash.ts";
import { drift } from "../promises/drift.ts";
import { machine } from "../promises/machine.ts";
import { preview } from "../promises/preview.ts";
import { rehearsals } from "../promises/rehearsal.ts";
import { rollback } from "../promises/rollback.ts";
import { settled } from "../promises/settled.ts";
import { chapters } from "../stack/chapters.ts";
import { command } from "../stack/command.ts";
import { hurry } from "../stack/hurry.ts";
import { pullOwn, tagOf } from "../stack/pulled.ts";
import { Stack } from "../stack/stack.ts";
import { assistant } from "../systems/assistant/driver.ts";
import { ownTests } from "../systems/assistant/own-tests.ts";

describe("operator", function () {
  this.timeout(1_200_000);
  const stack = new Stack(assistant, {
    stack: "e2e-operator",
    portOffset: 15_500,
    // Connections enough for one container more of each service that a chapter scales.
    config: { "berth:settle": 1, "berth:postgres": { maxConnections: 150, poolSize: 5, statementTimeout: 30 } },
  });
  const { project } = stack;

  before(async () => {
    await stack.create();
    hurry(project);
    await pullOwn(project);
    await project.setSecret("postgresPassword", "the-first-password-0123456789");
  });
  after(async () => {
    await stack.remove();
    await command("docker", ["image", "rm", tagOf(project), tagOf(project, "second")]);
  });

  chapters({
    crash: () => crash(stack),
    image: () => ownTests(stack),
    preview: () => preview(stack),
    rollback: () => rollback(stack),
    drift: () => drift(stack),
    machine: () => machine(stack),
    rehearsal: () => rehearsals(stack),
  });
  settled({ stack });
});
