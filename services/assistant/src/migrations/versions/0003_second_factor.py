"""The second factor of users."""

from alembic import op

revision = "0003"
down_revision = "0002"
destructive = False


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE mfa_methods (
            user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
            kind text NOT NULL CHECK (kind IN ('totp', 'sms')),
            -- Of an authenticator app, encrypted.
            secret text CHECK ((secret IS NOT NULL) = (kind = 'totp')),
            -- Of the last code that was taken: none is taken twice.
            last_step bigint NOT NULL DEFAULT 0,
            -- A log-in asks for it from then on.
            confirmed_at timestamptz,
            created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            PRIMARY KEY (user_id, kind)
        );
        CREATE TABLE mfa_backup_codes (
            user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
            code_hash text NOT NULL,
            created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
            PRIMARY KEY (user_id, code_hash)
        );
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE mfa_backup_codes; DROP TABLE mfa_methods;")
