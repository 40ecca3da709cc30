/**
 * Promise 5, second half: credentials change under load, and no request fails. What can be seen of secrets: secrets.ts.
 */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { inAll } from "../length.ts";
import { killedAfter } from "../stack/kill.ts";
import { docker, eventually, good, sleep } from "../stack/command.ts";
import type { Stack } from "../stack/stack.ts";
import type { World } from "../stack/world.ts";
import { type Login, loginOf, type Store } from "../stores/store.ts";
import type { Credential } from "../systems/driver.ts";
import type { Also, Besides } from "./releases.ts";

/** Every application that is healthy by the engine's word can log in by its own. */
const everyConsumerWorks = (stack: Stack, secret: string): Promise<void> =>
  eventually(async () => {
    const { known } = stack.project;
    const serving = known.readers(secret).map(known.service);
    for (const { name } of serving.filter(({ kind }) => kind === "stateless"))
      for (const container of await stack.project.running(name)) {
        const health = await docker("inspect", "--format", "{{with .State.Health}}{{.Status}}{{end}}", container);
        if (health === "healthy") await stack.check(name, container);
      }
  }, 15);
const refused = (stack: Stack, store: Store, login: Login): Promise<void> =>
  eventually(async () => assert.ok(!(await store.lets(stack, login)), "the former password still works"), 90);

/** New values of secrets: who reads them is replaced, and nobody else; what was is refused. */
export function newSecrets(
  { stack, canary }: World,
  stores: readonly Store[] = stack.driver.stores,
  credentials: readonly Credential[] = stack.driver.credentials,
): Also {
  const { project } = stack;
  const secrets = [...stores, ...credentials].map(({ secret }) => secret);
  /** Services whose containers changed since then. */
  const changedSince = async (before: Record<string, readonly string[]>): Promise<string[]> => {
    const after = await project.byService();
    const differs = (name: string) => JSON.stringify(before[name]) !== JSON.stringify(after[name]);
    return Object.keys(after).filter(differs).sort();
  };
  async function prepare(): Promise<Besides> {
    const all = [...stores, ...credentials].map((one) => ({ ...one, next: canary.value(one.secret) }));
    const former = await Promise.all(stores.map((store) => loginOf(stack, store)));
    for (const [n, store] of stores.entries())
      assert.ok(await store.lets(stack, former[n]!), `the password of ${store.title} that is in use is refused`);
    const then: (() => Promise<void>)[] = [];
    for (const one of all) if ("watch" in one) then.push(await one.watch(stack, one.next));
    const before = await project.byService();
    return {
      make: async () => {
        const set = all.filter(({ by }) => by === "set").map(({ secret, next }) => [secret, next] as const);
        if (set.length > 0) await project.setSecrets(Object.fromEntries(set));
        for (const { secret } of all.filter(({ by }) => by === "rotate"))
          await good(project.script("rotate", secret, project.stack));
      },
      holds: async (others) => {
        // Those that read them, and those that name their containers.
        const consumers = secrets.flatMap((secret) => project.known.readers(secret));
        assert.deepEqual(await changedSince(before), project.known.withFollowers([...consumers, ...others]));
        for (const holds of then) await holds();
        for (const [n, store] of stores.entries()) {
          const current = await loginOf(stack, store);
          assert.notEqual(current.password, former[n]!.password);
          assert.ok(await store.lets(stack, current));
          // A server that refuses everybody would prove nothing (negative control).
          assert.ok(!(await store.lets(stack, { ...current, password: "a password that never was" })));
          await refused(stack, store, former[n]!);
          await everyConsumerWorks(stack, store.secret);
        }
      },
    };
  }
  const title = `promise 5: new values of ${secrets.join(", ")} replace their consumers only; what was is refused`;
  return { title, prepare };
}

export function rotation(world: World): void {
  const { stack, canary } = world;
  const { project, driver } = stack;

  /** In a release of their own. */
  const rotates = async ({ title, prepare }: Also): Promise<void> => {
    const change = await prepare();
    await stack.lossless(async () => {
      await change.make();
      const up = await project.pulumi("up", "--json", "--yes", "--skip-preview", "--stack", project.stack);
      world.say(title, up);
    });
    await change.holds([]);
  };
  const all = newSecrets(world);
  it(`${all.title}, and no request fails`, () => rotates(all));
  for (const store of driver.stores)
    inAll(`promise 5: so does a new password of ${store.title} alone`, () => rotates(newSecrets(world, [store], [])));

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
            await everyConsumerWorks(stack, store.secret);
            await good(project.pulumi("cancel", "--stack", project.stack, "--yes"));
          }
          await good(project.script("up", project.stack));
        },
        { share: 0.5 },
      );
      console.log(`      killed after ${moments.join(", ")}`);
      assert.equal((await loginOf(stack, store)).password, next);
      await refused(stack, store, former);
      await project.assertDeclared();
      await everyConsumerWorks(stack, store.secret);
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
