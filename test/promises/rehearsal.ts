/**
 * Promise 3, of what is single: before it stops, what would replace it is tried beside it. One change per mechanism:
 * what the server can do, a limit, a port, a configuration.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { ALL } from "../length.ts";
import { command, docker, good } from "../stack/command.ts";
import { provisioned } from "../stack/provisioned.ts";
import { pulledBy } from "../stack/pulled.ts";
import type { Stack } from "../stack/stack.ts";

interface Mistake {
  readonly what: string;
  readonly service: string;
  /** @returns what takes it back. */
  readonly make: (stack: Stack) => Promise<() => unknown>;
  readonly words: RegExp;
}

/** Lays keys over the stack file. */
function configured({ project }: Stack, values: Readonly<Record<string, unknown>>): () => void {
  const { config } = project;
  project.configure(values);
  return () => project.configure(Object.fromEntries(Object.keys(values).map((key) => [key, config[key]])));
}
const laid = (stack: Stack, key: string, values: object): Record<string, unknown> => ({
  [`berth:${key}`]: { ...(stack.project.config[`berth:${key}`] as object | undefined), ...values },
});

const MISTAKES: readonly Mistake[] = [
  {
    what: "an image of the same version that lacks an extension",
    service: "postgres",
    make: async (stack) => {
      const tag = `localhost/berth-test/postgres-plain-${stack.project.stack}:17`;
      const plain = `FROM ${pulledBy(stack.project, "postgres")}\nUSER root\nRUN rm /usr/share/postgresql/*/extension/vector.control\n`;
      await good(command("docker", ["build", "--quiet", "--tag", tag, "-"], { input: plain }));
      const undo = configured(stack, laid(stack, "baseImages", { postgres: tag }));
      return async () => {
        undo();
        // What carries the files of the refused one has it still.
        await docker("image", "rm", "--force", tag);
      };
    },
    words: /cannot go on from the one that runs: [\s\S]*extension vector/,
  },
  {
    // The stack file is wrong about the machine, as it may be of one that is far away.
    what: "a limit that the engine refuses",
    service: "redis",
    make: (stack) => {
      const { project } = stack;
      const services = laid(stack, "services", {
        redis: { ...(project.config["berth:services"] as Record<string, object>)["redis"], cpus: 64 },
      });
      return Promise.resolve(configured(stack, { ...services, "berth:host": { cpus: 128, memory: "64GiB" } }));
    },
    words: /the engine refuses it: .*Range of CPUs/,
  },
  {
    what: "a port that another program has",
    service: "prometheus",
    make: async (stack) => {
      const server = createServer().listen(0, "127.0.0.1");
      await once(server, "listening");
      const { port } = server.address() as { port: number };
      const offset = Number(stack.project.config["berth:portOffset"]);
      const undo = configured(stack, laid(stack, "ports", { prometheus: port - offset }));
      return () => {
        undo();
        server.close();
      };
    },
    words: /it cannot have port 127\.0\.0\.1:\d+ of the host: .*(in use|already allocated)/,
  },
  {
    what: "a configuration that the server does not take",
    service: "redis",
    make: ({ project }) =>
      Promise.resolve(project.insert("data/redis/redis.conf", "appendonly yes", "no-such-directive yes\n")),
    words: /it ended with 1\. Its last words:[\s\S]*no-such-directive/,
  },
];

export function rehearsals(stack: Stack): void {
  const { project } = stack;
  before(() => provisioned(stack));

  /** Which container it is, and since when it runs. */
  const life = async (service: string): Promise<string> =>
    docker("inspect", "--format", "{{.Id}} {{.State.StartedAt}}", await project.container(service));
  const trials = (): Promise<string> =>
    docker("ps", "-aq", "--filter", `label=berth.stack=${project.stack}`, "--filter", "name=-rehearsal$");

  for (const { what, service, make, words } of MISTAKES)
    it(`promise 3: ${service} with ${what}: refused, and the one that runs never stopped`, async () => {
      const before = await life(service);
      const undo = await make(stack);
      await stack.lossless(async () => {
        try {
          // Twice: what is refused once is not taken for done (docs/provider.md A19). In the gate, for one mechanism.
          for (const n of ALL || what === MISTAKES[0]!.what ? [1, 2] : [1]) {
            const { code, output } = await project.up();
            assert.notEqual(code, 0, `attempt ${n} was accepted:\n${output}`);
            assert.match(output, new RegExp(`-${service} was not touched`));
            assert.match(output, words);
          }
        } finally {
          // Before writes are counted: who asks for the plan would be refused it.
          await undo();
        }
      });
      assert.equal(await life(service), before);
      assert.equal(await trials(), "");
      if (ALL) await stack.recovers();
    });

  it("promise 3: a change that holds is made, so the refusals were about what was wrong (negative control)", async () => {
    await stack.recovers();
    const before = await life("redis");
    project.edit("data/redis/redis.conf", (text) => `${text}# rehearsed\n`);
    await good(project.up());
    assert.notEqual(await life("redis"), before);
    assert.equal(await trials(), "");
    await project.assertDeclared();
  });
}
