/** The assistant's own tests. */
import assert from "node:assert/strict";
import { command, docker, eventually, good } from "../../stack/command.ts";
import { inAll } from "../../length.ts";
import { provisioned } from "../../stack/provisioned.ts";
import type { Stack } from "../../stack/stack.ts";

export function ownTests(stack: Stack): void {
  const { project } = stack;
  before(() => provisioned(stack));

  it("PA-61, PA-63: those that start no service pass in the image that runs, against a database and a Redis of their own", () =>
    pass("tests/test_pure.py", "tests/test_migrations.py"));
  inAll("PA-61, PA-63: all of them pass in it", () => pass("tests"));

  async function pass(...tests: string[]): Promise<void> {
    const { context } = project.known.plan.images["assistant"]!;
    const { api } = await project.output<Record<string, string>>("images");
    const image = "localhost/berth-test/assistant:tests";
    // The image that runs, and what its tests need on top.
    const layers = [
      `FROM ${api}`,
      "USER 0:0",
      "COPY requirements.txt requirements-dev.txt /tmp/",
      "RUN pip --python /opt/venv/bin/python install --no-cache-dir --only-binary :all: -r /tmp/requirements-dev.txt",
      "COPY tests /app/tests",
      "USER 10001:0",
    ];
    const build = ["build", "--quiet", "--tag", image, "--file", "-", context];
    const classic = { DOCKER_BUILDKIT: "0" };
    await good(command("docker", build, { cwd: project.dir, env: classic, input: layers.join("\n") }));
    const [name, started] = ["e2e-own-tests", new Set<string>()];
    const start = async (what: string, ...args: string[]) => {
      const network = ["--network", name, "--network-alias", what];
      await docker("run", "--detach", "--name", `${name}-${what}`, ...network, ...args);
      started.add(`${name}-${what}`);
    };
    const pulled = (service: string): string => (project.known.service(service).image as { pull: string }).pull;
    await docker("network", "create", "--internal", name);
    try {
      const trust = ["--env", "POSTGRES_HOST_AUTH_METHOD=trust", "--env", "POSTGRES_DB=tests"];
      await start("postgres", ...trust, pulled("postgres"));
      await start("redis", pulled("redis"));
      await eventually(() => docker("exec", `${name}-postgres`, "pg_isready", "-q", "-h", "127.0.0.1"), 60);
      const servers = ["DATABASE_URL=postgresql://postgres@postgres:5432/tests", "REDIS_URL=redis://redis:6379/0"];
      const environment = [...servers, "REQUIRE_SERVICES=1"].flatMap((value) => ["--env", value]);
      const pytest = ["python", "-m", "pytest", "-q", "-p", "no:cacheprovider", ...tests];
      const { code, output } = await command("docker", [
        "run",
        "--rm",
        "--network",
        name,
        ...environment,
        image,
        ...pytest,
      ]);
      assert.equal(code, 0, output);
      assert.match(output, /\b[1-9]\d+ passed/);
      assert.doesNotMatch(output, /skipped|deselected/);
    } finally {
      for (const container of started) await docker("rm", "--force", "--volumes", container);
      await docker("network", "rm", name);
      // What stands on the image of a release would keep that from being forgotten.
      await command("docker", ["image", "rm", "--force", image]);
    }
  }
}
