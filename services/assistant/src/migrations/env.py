"""Run by personal_assistant.database.migrate, which hands over the connection."""

from __future__ import annotations

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    transactional_ddl=True,
    # One for all of a release's revisions: when the second fails, the first was never there.
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
