"""Messages, long-term memory, jobs and reminders."""

from alembic import op

revision = "0002"
down_revision = "0001"
destructive = False


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE jobs (
            id uuid PRIMARY KEY,
            user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
            kind text NOT NULL,
            args jsonb NOT NULL,
            state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'running', 'done', 'failed')),
            attempts integer NOT NULL DEFAULT 0,
            result jsonb,
            error text,
            request_id text,
            created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            announced_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            started_at timestamptz,
            finished_at timestamptz
        );
        CREATE INDEX jobs_by_user ON jobs (user_id, created_at);
        CREATE INDEX jobs_unfinished ON jobs (announced_at) WHERE state IN ('queued', 'running');
        CREATE TABLE messages (
            user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
            id uuid NOT NULL,
            channel text NOT NULL,
            text text NOT NULL,
            reply text NOT NULL,
            job_id uuid REFERENCES jobs ON DELETE SET NULL,
            created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            PRIMARY KEY (user_id, id)
        );
        CREATE INDEX messages_by_time ON messages (user_id, created_at);
        CREATE TABLE memories (
            id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
            user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
            kind text NOT NULL,
            content text NOT NULL,
            search tsvector GENERATED ALWAYS AS (to_tsvector('english', content)) STORED,
            created_at timestamptz NOT NULL DEFAULT clock_timestamp()
        );
        CREATE INDEX memories_by_user ON memories (user_id, created_at);
        CREATE INDEX memories_search ON memories USING gin (search);
        -- The job's id makes a second execution of the job insert nothing.
        CREATE TABLE reminders (
            id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
            job_id uuid UNIQUE,
            user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
            text text NOT NULL,
            due_at timestamptz NOT NULL,
            state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'due', 'sending', 'sent', 'failed')),
            created_at timestamptz NOT NULL DEFAULT clock_timestamp()
        );
        CREATE INDEX reminders_pending ON reminders (due_at) WHERE state = 'pending';
        CREATE INDEX reminders_by_user ON reminders (user_id, due_at);
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE reminders; DROP TABLE memories; DROP TABLE messages; DROP TABLE jobs;")
