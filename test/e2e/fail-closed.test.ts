/** A release that cannot work, whatever is wrong with it, leaves the old version serving everything (operations.md 3). */
import assert from "node:assert/strict";
import { FULL } from "./engine.ts";
import { good, Serving } from "./serving.ts";
import { docker, eventually } from "./support.ts";

const STACK = "e2e-fail";
const API = "services/assistant/src/apps/fastapi_app/main.py";
const HTTP = "services/assistant/src/personal_assistant/core/http.py";
const DOCKERFILE = "services/assistant/Dockerfile";
const BROKEN = "services/assistant/src/migrations/versions/9999_broken.py";
const EDGE = "edge/nginx.conf";

describe("a release that cannot work", function () {
  this.timeout(1_800_000);
  // The settling time is prod's: what dies within 15 seconds is found.
  const serving = new Serving({
    stack: STACK,
    portOffset: 23000,
    config: { "berth:settle": 15, "berth:waitTimeout": 30 },
  });
  const { project } = serving;

  before(() => serving.start());
  after(() => project.remove());

  /** Adds text before a line of a file; returns what takes it out again. */
  function insert(file: string, before: string, text: string): () => void {
    project.edit(file, (whole) => whole.replace(before, () => `${text}${before}`));
    return () => {
      project.edit(file, (whole) => whole.replace(text, () => ""));
    };
  }
  /** The container that failed is named, with its last words. */
  const named = (service: string, words: RegExp): readonly RegExp[] => [
    new RegExp(`assistant-${STACK}-${service}`),
    words,
  ];
  let undo: () => void = () => undefined;

  const releases: readonly (readonly [what: string, change: () => void, culprit: readonly RegExp[]])[] = [
    [
      "does not build",
      () => {
        undo = insert(
          DOCKERFILE,
          "COPY --from=dependencies /opt/venv /opt/venv\nCOPY bin /app/bin\nCOPY --from=source",
          "RUN exit 7\n",
        );
      },
      named("assistant", /exit code: 7|returned a non-zero code: 7/),
    ],
    [
      "names an image that is not there",
      () => {
        project.configure({ "berth:images": { assistant: "localhost/berth-test/nowhere:none" } });
        undo = () => project.configure({ "berth:images": undefined });
      },
      [/berth-test\/nowhere/],
    ],
    [
      "exits at once",
      () => {
        serving.environment("api", { DB_POOL_SIZE: "many" });
        undo = () => serving.environment("api", { DB_POOL_SIZE: undefined });
      },
      named("api", /DB_POOL_SIZE: got 'many'/),
    ],
    [
      "is healthy, then dies within 15 seconds",
      () => {
        undo = insert(
          API,
          "def build(",
          "def die() -> None:\n    import os\n\n    print('dying as I was told', flush=True)\n    os._exit(3)\n\n\n__import__('threading').Timer(14, die).start()\n\n\n",
        );
      },
      named("edge-routes", /stopped answering on .* while settling/),
    ],
    [
      "never gets healthy",
      () => {
        undo = insert(
          HTTP,
          '        body = {"status": "ready"',
          "        good = False\n        log.warning('it will never be ready')\n",
        );
      },
      named("(api|agent|sms-router)", /it will never be ready/),
    ],
    [
      "is healthy inside, but wrong through the edge",
      () => {
        undo = insert(
          API,
          "    for routes in (auth",
          "    @app.middleware('http')\n    async def wrong(request, call_next):  # type: ignore[no-untyped-def]\n        from starlette.responses import PlainTextResponse\n\n" +
            "        return PlainTextResponse('wrong', 500) if 'x-forwarded-for' in request.headers else await call_next(request)\n\n",
        );
      },
      named("edge-routes", /answers 500/),
    ],
    [
      "has a migration that fails",
      () => {
        project.write(
          BROKEN,
          "revision = '9999'\ndown_revision = '0002'\n\n\ndef upgrade():\n    raise RuntimeError('this migration is broken')\n\n\ndef downgrade():\n    pass\n",
        );
        undo = () => project.delete(BROKEN);
      },
      named("migrate", /this migration is broken/),
    ],
    [
      "has a migration that removes data, which nobody allowed",
      () => {
        project.write(
          BROKEN,
          "revision = '9999'\ndown_revision = '0002'\ndestructive = True\n\n\ndef upgrade():\n    pass\n\n\ndef downgrade():\n    pass\n",
        );
        undo = () => project.delete(BROKEN);
      },
      named("migrate", /pulumi config set berth:allowDestructiveMigrations 9999/),
    ],
    [
      "has a good api, but a bad worker",
      () => {
        serving.environment("api", { RELEASE: "good" });
        serving.environment("worker", { WORKER_CONCURRENCY: "many" });
        undo = () => serving.environment("worker", { WORKER_CONCURRENCY: 2 });
      },
      named("worker", /WORKER_CONCURRENCY: got 'many'/),
    ],
    [
      "has a configuration of the edge that nginx refuses",
      () => {
        undo = insert(EDGE, "  server_tokens off;", "  gzip_comp_level perhaps;\n");
      },
      named("edge-routes", /"gzip_comp_level" directive invalid/),
    ],
  ];
  // Each takes minutes, because the provider waits out its time: CI makes do with the first three, a long run takes all.
  for (const [what, change, culprit] of FULL ? releases : releases.slice(0, 3))
    it(`promise 3: one that ${what}: twice refused, the old one serves; the next good one needs nothing`, async () => {
      try {
        await serving.failsClosed(change, culprit);
      } finally {
        undo();
      }
      await serving.recovers();
    });

  it("promise 3: a good release is taken, so the refusals above were about what was wrong (negative control)", async () => {
    const before = await project.running("api");
    serving.environment("api", { RELEASE: "better" });
    await good(project.up());
    assert.notDeepEqual(await project.running("api"), before);
    await assert.rejects(
      serving.failsClosed(() => serving.environment("api", { RELEASE: "best" }), [/never/]),
      /was accepted/,
    );
  });

  if (FULL)
    it("promise 3: no failed attempt was ever in the routes", async () => {
      const served = (await docker("logs", `assistant-${STACK}-edge`))
        .split("\n")
        .filter((line) => line.includes('"upstream_status":"5'));
      assert.deepEqual(served, []);
      await eventually(async () => assert.equal((await serving.client.get("/ready")).status, 200));
    });
});
