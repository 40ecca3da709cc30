"""Long-term memory: what a user said that is worth finding again."""

from __future__ import annotations

from psycopg.rows import DictRow

from personal_assistant.database.pool import Connection


async def remember(connection: Connection, user_id: str, kind: str, content: str) -> None:
    await connection.execute(
        "INSERT INTO memories (user_id, kind, content) VALUES (%s, %s, %s)", (user_id, kind, content)
    )


async def recall(connection: Connection, user_id: str, query: str, limit: int = 5) -> list[DictRow]:
    """Full-text matches first, then plain substring matches: names and numbers are not words to the text search."""
    pattern = "%" + query.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_") + "%"
    cursor = await connection.execute(
        """
        SELECT kind, content, created_at FROM memories, websearch_to_tsquery('english', %(query)s) AS wanted
        WHERE user_id = %(user)s AND (search @@ wanted OR content ILIKE %(pattern)s)
        ORDER BY ts_rank(search, wanted) DESC, created_at DESC LIMIT %(limit)s
        """,
        {"query": query, "user": user_id, "pattern": pattern, "limit": limit},
    )
    return await cursor.fetchall()
