/** Promise 10, second half: bin/down leaves nothing but the data, which the next bin/up finds again. */
import assert from "node:assert/strict";
import { good } from "../stack/command.ts";
import { provisioned } from "../stack/provisioned.ts";
import { rolesOf } from "../stack/roles.ts";
import type { Stack } from "../stack/stack.ts";
import { redisCli } from "../stores/redis.ts";

export function down(stack: Stack): void {
  const { project, driver } = stack;
  before(() => provisioned(stack));

  it("promise 10: bin/down leaves nothing but the data, which the next bin/up finds again", async () => {
    const [what, keeper] = ["still here", () => driver.enter(stack.edge, "keeper")];
    await driver.keep(await keeper(), what);
    // By a script: Redis once dropped what scripts and transactions had written, at every start (data/redis/base.acl).
    await redisCli(project, "EVAL", "return redis.call('SET', 'kept', 'still here')", "0");
    const { plan, named } = rolesOf(stack);
    const data = plan.services.flatMap(({ volumes = [] }) => volumes.filter(({ keep }) => keep === "data"));
    await good(project.script("down", project.stack));
    const kept = new Set(data.map(({ name }) => `volume ${named(name)}`));
    assert.deepEqual(await project.objects(), [...kept].sort());
    await good(project.script("up", project.stack));
    await stack.enter();
    await stack.isReady();
    assert.ok(await driver.keeps(await keeper(), what), `"${what}" is lost`);
    assert.equal(await redisCli(project, "GET", "kept"), what);
  });
}
