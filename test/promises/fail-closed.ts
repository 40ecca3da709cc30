/** Promise 3: a release that cannot work, whatever is wrong with it, leaves the old version serving everything. */
import assert from "node:assert/strict";
import { inAll, inGate, OWN } from "../length.ts";
import { docker, engineNow, eventually, good } from "../stack/command.ts";
import type { Stack } from "../stack/stack.ts";
import type { World } from "../stack/world.ts";
import type { Broken } from "../systems/driver.ts";

/** The image that answers the load. */
const front = ({ project, driver }: Stack): string =>
  project.known.imageOf(project.known.behind(driver.paths.light).name);

/** What can be wrong with a release of any system. */
const ANY: readonly Broken[] = [
  {
    what: "does not build",
    gate: true,
    change: (stack) => {
      const { project, driver } = stack;
      // The build compiles it.
      const source = driver.sources[front(stack)]!;
      const before = project.read(source);
      project.write(source, `${before}(\n`);
      return () => project.write(source, before);
    },
    culprit: [front, /exit code: 1\b|returned a non-zero code: 1\b/],
  },
  {
    // What the program says about it is in its log, and in the CLI's last words.
    what: "finds a wrong file in the place of a credential",
    gate: true,
    change: ({ project, driver }) => {
      const [store, other] = driver.stores;
      const reader = project.known.behind(driver.paths.light);
      const variable = reader.environment.find((line) => line.endsWith(`/${store.file}`))!.split("=")[0]!;
      project.environment(reader.name, { [variable]: `/etc/berth/secrets/${other!.file}` });
      return () => project.environment(reader.name, { [variable]: undefined });
    },
    culprit: [({ project, driver }) => project.known.behind(driver.paths.light).name, /its content is not a URL/],
  },
  {
    what: "names an image that is not there",
    change: ({ project }) => {
      const image = Object.keys(project.known.plan.images)[0]!;
      project.configure({ "berth:images": { [image]: `sha256:${"0".repeat(64)}` } });
      return () => project.configure({ "berth:images": undefined });
    },
    culprit: [() => "", /which the engine does not have/],
  },
  {
    what: "has a configuration of the edge that nginx refuses",
    change: ({ project }) => project.insert("edge/nginx.conf", "  server_tokens off;", "  gzip_comp_level perhaps;\n"),
    culprit: ["edge-routes", /"gzip_comp_level" directive invalid/],
  },
];

/** @param recovers Whether what was there comes next; otherwise the caller has a good release to come. @default true */
export function failsClosed(world: World, recovers = true): void {
  const { stack } = world;
  const { project, driver } = stack;
  let began = 0;
  before(async () => {
    began = Math.floor(await engineNow());
  });

  const all = [
    ...ANY.map((one) => ({ ...one, short: inGate, own: false })),
    ...driver.broken.map((one) => ({ ...one, short: it, own: true })),
  ];
  for (const { what, change, culprit, gate, short, own } of all) {
    // Only one can be followed by the caller's.
    const mends = recovers || !gate;
    const test = gate ? short : (title: string, body: Mocha.AsyncFunc) => inAll(title, body, own);
    test(`promise 3: one that ${what}: ${OWN ? "" : "twice "}refused, the old one serves${mends ? "; the next good one needs nothing" : ""}`, async () => {
      const [name, words] = culprit;
      const named = new RegExp(`${project.stack}-${typeof name === "string" ? name : name(stack)}`);
      let undo = (): void => undefined;
      const attempt = async (): Promise<void> => {
        try {
          const outputs = await stack.failsClosed(() => {
            undo = change(stack);
          }, [named, words]);
          for (const [n, output] of outputs.entries()) world.said.set(`one that ${what}, attempt ${n + 1}`, output);
        } finally {
          undo();
        }
      };
      // The settling time is prod's: what dies within 15 seconds is found.
      if (/dies within/.test(what)) await project.configured({ "berth:settle": 15 }, attempt);
      else await attempt();
      if (mends) await stack.recovers();
    });
  }

  inAll(
    "promise 3: a good release is taken, so the refusals were about what was wrong (negative control)",
    async () => {
      const { name } = project.known.behind(driver.paths.light);
      const before = await project.running(name);
      project.environment(name, { RELEASE: "better" });
      await good(project.up());
      assert.notDeepEqual(await project.running(name), before);
      const accepted = stack.failsClosed(() => project.environment(name, { RELEASE: "best" }), [/never/]);
      await assert.rejects(accepted, /was accepted/);
    },
  );

  it("promise 3: no failed attempt was ever in the routes", async () => {
    const log = await docker("logs", "--since", String(began), await project.container("edge"));
    const wrong = log.split("\n").filter((line) => line.includes('"upstream_status":"5'));
    assert.deepEqual(wrong, []);
    await eventually(() => stack.isReady());
  });
}
