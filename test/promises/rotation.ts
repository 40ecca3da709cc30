/**
 * Promise 5, second half: credentials change under load, and no request fails. What can be seen of secrets: secrets.ts.
 */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { inAll } from "../length.ts";
import { killedAfter } from "../stack/kill.ts";
import { docker, eventually, good, sleep } from "../stack/command.ts";
import type { World } from "../stack/world.ts";
import { loginOf, type Store } from "../stores/store.ts";
import type { Credential } from "../systems/driver.ts";

export function rotation(world: World): void {
  const { stack, canary } = world;
  const { project, driver } = stack;
  /** Services whose containers changed since then. */
  const changedSince = async (before: Record<string, readonly string[]>): Promise<string[]> => {
    const after = await project.byService();
    const differs = (name: string) => JSON.stringify(before[name]) !== JSON.stringify(after[name]);
    return Object.keys(after).filter(differs).sort();
  };
  /** Who has to be replaced when a secret changes: those that read it, and those that name them. */
  const consumers = (...secrets: readonly string[]): string[] =>
    project.known.withFollowers(secrets.flatMap((secret) => project.known.readers(secret)));
  /** Every application that is healthy by the engine's word can log in by its own. */
  const everyConsumerWorks = (secret: string): Promise<void> =>
    eventually(async () => {
      const serving = project.known.readers(secret).map(project.known.service);
      for (const { name } of serving.filter(({ kind }) => kind === "stateless"))
        for (const container of await project.running(name)) {
          const health = await docker("inspect", "--format", "{{with .State.Health}}{{.Status}}{{end}}", container);
          if (health === "healthy") await stack.check(name, container);
        }
    }, 15);
  const refused = (store: Store, login: Awaited<ReturnType<typeof loginOf>>): Promise<void> =>
    eventually(async () => assert.ok(!(await store.lets(stack, login)), "the former password still works"), 90);
  async function change(by: "set" | "rotate", secret: string, next: string): Promise<void> {
    if (by === "set") await project.setSecret(secret, next);
    else await good(project.script("rotate", secret, project.stack));
  }

  /** New values in one release: no request fails, who reads them is replaced and nobody else, what was is refused. */
  async function rotates(stores: readonly Store[], credentials: readonly Credential[] = []): Promise<void> {
    const all = [...stores, ...credentials].map((one) => ({ ...one, next: canary.value(one.secret) }));
    const former = await Promise.all(stores.map((store) => loginOf(stack, store)));
    for (const [n, store] of stores.entries())
      assert.ok(await store.lets(stack, former[n]!), `the password of ${store.title} that is in use is refused`);
    const then: (() => Promise<void>)[] = [];
    for (const one of all) if ("watch" in one) then.push(await one.watch(stack, one.next));
    const before = await project.byService();
    await stack.lossless(async () => {
      for (const { by, secret, next } of all) await change(by, secret, next);
      const up = await project.pulumi("up", "--json", "--yes", "--skip-preview", "--stack", project.stack);
      world.say(`up with new values of ${all.map(({ secret }) => secret).join(", ")}`, up);
    });
    assert.deepEqual(await changedSince(before), consumers(...all.map(({ secret }) => secret)));
    for (const holds of then) await holds();
    for (const [n, store] of stores.entries()) {
      const current = await loginOf(stack, store);
      assert.notEqual(current.password, former[n]!.password);
      assert.ok(await store.lets(stack, current));
      // A server that refuses everybody would prove nothing (negative control).
      assert.ok(!(await store.lets(stack, { ...current, password: "a password that never was" })));
      await refused(store, former[n]!);
      await everyConsumerWorks(store.secret);
    }
  }

  const all = [...driver.stores, ...driver.credentials].map(({ secret }) => secret).join(", ");
  it(`promise 5: new values of ${all} in one release fail no request, replace their consumers only; what was is refused`, () =>
    rotates(driver.stores, driver.credentials));
  for (const store of driver.stores)
    inAll(`promise 5: so does a new password of ${store.title} alone`, () => rotates([store]));

  inAll(
    "promise 5, promise 10: killed at any step, every consumer has a credential that works, and one bin/up completes it",
    async () => {
      const store = driver.stores[0];
      const former = await loginOf(stack, store);
      const next = canary.value(store.secret);
      const moments: string[] = [];
      await stack.lossless(
        async () => {
          await project.setSecret(store.secret, next);
          for (let round = 0; round < 3; round++) {
            const seconds = 3 + randomInt(150) / 10;
            moments.push(`${seconds} s${(await killedAfter(project, seconds)) ? "" : " (had ended)"}`);
            await everyConsumerWorks(store.secret);
            await good(project.pulumi("cancel", "--stack", project.stack, "--yes"));
          }
          await good(project.script("up", project.stack));
        },
        { share: 0.5 },
      );
      console.log(`      killed after ${moments.join(", ")}`);
      assert.equal((await loginOf(stack, store)).password, next);
      await refused(store, former);
      await project.assertDeclared();
      await everyConsumerWorks(store.secret);
    },
  );

  inAll("a credential changed in place, as compose would, fails requests (negative control)", async () => {
    const store = driver.stores[0];
    const { username, password } = await loginOf(stack, store);
    const sessions = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${username}';`;
    const report = await stack.underLoad(
      async () => {
        await stack.query(`ALTER ROLE ${username} PASSWORD 'changed behind everybody'; ${sessions}`);
        await sleep(8000);
        await stack.query(`ALTER ROLE ${username} PASSWORD '${password}';`);
        await eventually(() => stack.isReady());
      },
      { slow: 0 },
    );
    assert.notDeepEqual(report.failures, {});
  });
}
