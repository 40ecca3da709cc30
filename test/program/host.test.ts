/**
 * The engine is asked how large its machine is, wherever it is: a limit beyond it is refused before a thing is touched.
 */
import assert from "node:assert/strict";
import { dockerClient, type Recorded, runAnew } from "./support.ts";

/** A docker client whose engine has so much; it answers only where it is asked for the right engine. */
const engine = (cpus: number, gibibytes: number, asked = ""): string =>
  `case "$*" in *"${asked}"*info*) echo "${cpus} ${gibibytes * 1024 ** 3}";; *info*) exit 1;; *) echo 0000;; esac`;

describe("the engine's machine", function () {
  this.timeout(60_000);
  const former = process.env["DOCKER_HOST"];
  afterEach(() => {
    dockerClient();
    if (former === undefined) delete process.env["DOCKER_HOST"];
    else process.env["DOCKER_HOST"] = former;
  });
  const limited = (cpus: number, more: Record<string, unknown> = {}) => ({
    stack: "dev",
    config: { "berth:services": { postgres: { cpus } }, ...more },
  });

  it("is asked for where DOCKER_HOST names it: what exceeds it is refused before the first resource", async () => {
    process.env["DOCKER_HOST"] = "ssh://deploy@elsewhere";
    dockerClient(engine(4, 8));
    const resources: Recorded[] = [];
    await assert.rejects(runAnew({ ...limited(8), resources }), ({ message }: Error) => {
      assert.match(message, /Nothing was touched/);
      assert.match(message, /berth:services\.postgres\.cpus: 8 cores[\s\S]*at most the host's 4 cores/);
      return true;
    });
    assert.deepEqual(
      resources.filter(({ type }) => type.startsWith("docker:")),
      [],
    );
    // The same is taken where the machine has it (negative control).
    dockerClient(engine(16, 64));
    await runAnew(limited(8));
  });
  it("is asked for where the stack file names it", async () => {
    const there = { "docker:host": "tcp://10.0.0.7:2376" };
    dockerClient(engine(4, 8, "--host tcp://10.0.0.7:2376"));
    await assert.rejects(runAnew(limited(8, there)), /at most the host's 4 cores/);
  });
  it("is what the stack file says, where it says so", async () => {
    dockerClient(engine(64, 64));
    const host = { "berth:host": { cpus: 4, memory: "8GiB" } };
    await assert.rejects(runAnew(limited(8, host)), /at most the host's 4 cores/);
  });
  it("is not known where an engine elsewhere says nothing: the program goes on, and says what is not checked", async () => {
    process.env["DOCKER_HOST"] = "ssh://deploy@elsewhere";
    dockerClient("exit 1");
    const said: string[] = [];
    const { warn } = console;
    console.warn = (...words: unknown[]) => said.push(words.join(" "));
    try {
      await runAnew(limited(8));
    } finally {
      console.warn = warn;
    }
    assert.match(said.join("\n"), /berth:host: the engine does not say what its machine has/);
  });
});
