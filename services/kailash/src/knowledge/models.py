"""What DataFlow makes nodes and tables of. Fields are only ever added, with a default: the release before this one
runs beside it for a while."""

from __future__ import annotations

from typing import Any

from dataflow import DataFlow


def declare(url: str, pool_size: int, migrate: bool = False) -> Any:
    """DataFlow with the models. It makes tables where it is to `migrate`, and touches no schema else.

    Not its cache: what is read there says nothing of the database (docs/systems/kailash.md). Nor its registry of models
    in the database, where starts leave rows for ever (nodes.py keeps what is generated)."""
    db = DataFlow(
        url,
        pool_size=pool_size,
        pool_max_overflow=1,
        cache_enabled=False,
        auto_migrate=migrate,
        migration_enabled=migrate,
        enable_model_persistence=False,
        # It would be on where pytest is above it, and then close pools that are in use.
        test_mode=False,
    )

    @db.model
    class Document:
        id: str
        title: str
        text: str
        state: str = "stored"  # stored, indexed, failed
        model: str = ""  # of the embeddings that it is indexed with
        error: str = ""
        __dataflow__ = {"indexes": [{"name": "ix_documents_state", "fields": ["state"]}]}  # noqa: RUF012

    @db.model
    class Passage:
        id: str
        document: str
        position: int
        text: str
        __dataflow__ = {"indexes": [{"name": "ix_passages_document", "fields": ["document"]}]}  # noqa: RUF012

    return db
