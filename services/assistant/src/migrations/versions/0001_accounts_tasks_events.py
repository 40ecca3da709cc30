"""Accounts, tasks and events."""

from alembic import op

revision = "0001"
down_revision = None
destructive = False


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE users (
            id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
            email text NOT NULL UNIQUE CHECK (email = lower(email)),
            password_hash text NOT NULL,
            role text NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'admin')),
            created_at timestamptz NOT NULL DEFAULT clock_timestamp()
        );
        CREATE TABLE tasks (
            id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
            user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
            title text NOT NULL,
            done boolean NOT NULL DEFAULT false,
            due_at timestamptz,
            created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
        );
        CREATE INDEX tasks_by_user ON tasks (user_id, created_at);
        -- The id is the client's choice, so it is unique for each user only: nobody learns of or blocks another's ids.
        CREATE TABLE events (
            user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
            id uuid NOT NULL,
            payload jsonb NOT NULL,
            attempts integer NOT NULL DEFAULT 1,
            created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            PRIMARY KEY (user_id, id)
        );
        CREATE INDEX events_by_time ON events (user_id, created_at);
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE events; DROP TABLE tasks; DROP TABLE users;")
