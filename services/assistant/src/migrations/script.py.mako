"""${message}"""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
# True if upgrade() removes what cannot be brought back: it then runs only where ALLOW_DESTRUCTIVE names this revision, as does a downgrade() that drops.
destructive = False


def upgrade() -> None:
    ${upgrades or "pass"}


def downgrade() -> None:
    ${downgrades or "pass"}
