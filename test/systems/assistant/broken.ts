/** Releases of the assistant that cannot work, each in another way. */
import type { Project } from "../../stack/project.ts";
import type { Broken } from "../driver.ts";
import { NEWEST } from "./schema.ts";

const API = "services/assistant/src/apps/fastapi_app/main.py";
const HTTP = "services/assistant/src/personal_assistant/core/http.py";
const BROKEN = "services/assistant/src/migrations/versions/9999_broken.py";

const DIES = `def die() -> None:
    import os

    print('dying as I was told', flush=True)
    os._exit(3)


__import__('threading').Timer(14, die).start()


`;
const WRONG_OUTSIDE = `    @app.middleware('http')
    async def wrong(request, call_next):  # type: ignore[no-untyped-def]
        from starlette.responses import PlainTextResponse

        return PlainTextResponse('wrong', 500) if 'x-forwarded-for' in request.headers else await call_next(request)

`;
const migration = (lines: string, up: string): string => `revision = '9999'
down_revision = '${NEWEST}'
${lines}

def upgrade():
    ${up}


def downgrade():
    pass
`;

/** Writes a migration. @returns what takes it away. */
function revision(project: Project, text: string): () => void {
  project.write(BROKEN, text);
  return () => project.delete(BROKEN);
}

export const broken: readonly Broken[] = [
  {
    what: "exits at once",
    change: ({ project }) => {
      project.environment("api", { DB_POOL_SIZE: "many" });
      return () => project.environment("api", { DB_POOL_SIZE: undefined });
    },
    culprit: ["api", /DB_POOL_SIZE: got 'many'/],
  },
  {
    what: "is healthy, then dies within 15 seconds",
    change: ({ project }) => project.insert(API, "def build(", DIES),
    culprit: ["edge-routes", /stopped answering on .* while settling/],
  },
  {
    what: "never gets healthy",
    change: ({ project }) =>
      project.insert(
        HTTP,
        '        body = {"status": "ready"',
        "        good = False\n        log.warning('it will never be ready')\n",
      ),
    culprit: ["(api|agent|sms-router)", /it will never be ready/],
  },
  {
    what: "is healthy inside, but wrong through the edge",
    change: ({ project }) => project.insert(API, "    for routes in (auth", WRONG_OUTSIDE),
    culprit: ["edge-routes", /answers 500/],
  },
  {
    what: "has a migration that fails",
    change: ({ project }) => revision(project, migration("", "raise RuntimeError('this migration is broken')")),
    culprit: ["migrate", /this migration is broken/],
  },
  {
    what: "has a migration that removes data, which nobody allowed",
    change: ({ project }) => revision(project, migration("destructive = True\n", "pass")),
    culprit: ["migrate", /pulumi config set berth:allowDestructiveMigrations 9999/],
  },
  {
    what: "has a good api, but a bad worker",
    change: ({ project }) => {
      project.environment("api", { RELEASE: "good" });
      project.environment("worker", { WORKER_CONCURRENCY: "many" });
      return () => project.environment("worker", { WORKER_CONCURRENCY: 2 });
    },
    culprit: ["worker", /WORKER_CONCURRENCY: got 'many'/],
  },
];
