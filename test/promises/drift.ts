/**
 * Promise 6, second half: what happens behind Pulumi's back is seen by bin/drift and repaired by one bin/up, which
 * leaves the rest alone.
 */
import assert from "node:assert/strict";
import { describeInAll, inAll, inGate, OWN } from "../length.ts";
import { idsBut } from "../stack/engine.ts";
import { command, good, type Result } from "../stack/command.ts";
import { provisioned } from "../stack/provisioned.ts";
import { type Roles, rolesOf } from "../stack/roles.ts";
import type { Stack } from "../stack/stack.ts";
import { type Change, changes, GUESTS, network } from "./drift-changes.ts";

export function drift(stack: Stack): void {
  const { project } = stack;
  const look = (): Promise<Result> => project.script("drift", project.stack);
  let roles: Roles;
  before(async () => {
    await provisioned(stack);
    roles = rolesOf(stack);
  });
  after(() => command("docker", ["rm", "--force", ...GUESTS]));

  /** Runs that find nothing. @param whole Those with a preview, which is slow; the others compare without one. */
  async function clean(runs: number, whole: number): Promise<void> {
    const ids = await project.containers();
    const before = await project.state();
    for (let n = 0; n < runs; n++)
      if (n < whole) await good(look());
      else {
        const repair = command("node", ["bin/drift.ts", project.stack, "--repair"], {
          cwd: project.dir,
          env: project.env,
        });
        assert.equal((await good(repair)).output, "");
      }
    assert.deepEqual(await project.containers(), ids);
    assert.deepEqual(await project.state(), before);
  }
  inGate("promise 6: nothing happened: two runs raise no false alarm, and change neither engine nor state", () =>
    clean(2, 1),
  );
  inAll("promise 6: nothing happened: twenty runs raise no false alarm, and change neither engine nor state", () =>
    clean(20, 20),
  );

  inGate("a stack that is not there, or a program that is refused: exit code 1, not 2", async () => {
    assert.equal((await project.script("drift", "nowhere")).code, 1);
    const { code, output } = await project.configured({ "berth:colour": "blue" }, look);
    assert.equal(code, 1, output);
    assert.match(output, /berth:colour/);
  });

  inGate("promise 6: a change of the stack file that was not applied is no difference, and is said apart", async () => {
    const { code, output } = await project.configured({ "berth:logLevel": "DEBUG" }, look);
    assert.equal(code, 0, output);
    assert.match(output, /and its engine agree\nthis checkout is not what stack \S+ runs \(.*\d+ to replace\)/);
  });

  /** They happen, bin/drift names each of them, one bin/up repairs them all. */
  function happen(together: readonly Change[]): void {
    const objects = new Map<Change, string>();
    let reported: Result;
    let touched: readonly string[];
    let untouched: Map<string, string>;
    before(async () => {
      const replaced = together.flatMap(({ replaces }) => replaces?.(roles) ?? []);
      touched = [...project.known.withFollowers(replaced), "stranger"];
      untouched = await idsBut(project, touched);
      for (const change of together) objects.set(change, await change.make(stack, roles));
      reported = await look();
    });
    for (const change of together)
      it(`${change.name}: bin/drift names it, and exits with 2`, () => {
        const [object, says] = [objects.get(change)!, change.says];
        const words = says instanceof RegExp ? says : says(roles);
        assert.equal(reported.code, 2, reported.output);
        const line = reported.output.split("\n").find((one) => one.includes(object) && words.test(one));
        assert.ok(line, `${object}, ${String(words)} in:\n${reported.output}`);
        assert.match(line, /; bin\/up \w+/);
      });
    it("one bin/up repairs it; what was not touched keeps its id", async () => {
      await good(project.script("up", project.stack));
      for (const { undone } of together) await undone?.(stack, roles);
      assert.deepEqual(await idsBut(project, touched), untouched);
      await good(look());
    });
  }
  const together = OWN ? changes.filter(({ own }) => own) : changes;
  describe(`promise 6: ${together.length} things at once`, () => happen(together));
  for (const change of [network, ...changes])
    describeInAll(`promise 6: ${change.name}, and nothing else`, () => happen([change]));
}
