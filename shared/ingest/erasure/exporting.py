"""All rows of one person as JSON, by table, with the columns that the data map hands out."""

import json
from collections.abc import AsyncIterator
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from shared.guard.data_map import exported_columns
from shared.ingest.erasure.rows import ROWS_OF_A_PERSON, load_subject

ROWS_AT_ONCE = 500


async def stream_person(session: AsyncSession, key: bytes, person_id: str) -> AsyncIterator[str]:
    """Pieces of one JSON object: each table with its rows, a line each. Never more than some hundred in memory.

    Raises `NotFound` for an unknown person before the first piece.
    """
    subject = await load_subject(session, key, person_id)
    opening = "{"
    for table, belongs in ROWS_OF_A_PERSON.items():
        handed_out = exported_columns(str(table.__tablename__))
        columns = [column for column in table.__table__.columns if column.key in handed_out]  # type: ignore[attr-defined]
        if not columns:
            continue
        yield f"{opening}\n{json.dumps(table.__tablename__)}:["
        opening, comma = ",", ""
        query = select(*columns).where(belongs(subject)).execution_options(yield_per=ROWS_AT_ONCE)
        result = await session.stream(query)
        async for rows in result.mappings().partitions(ROWS_AT_ONCE):
            lines = ",\n".join(json.dumps(dict(row), ensure_ascii=False, default=_plain) for row in rows)
            yield f"{comma}\n{lines}"
            comma = ","
        yield "]"
    yield "\n}"


async def export_person(session: AsyncSession, key: bytes, person_id: str) -> dict[str, Any]:
    """The same as data."""
    exported: dict[str, Any] = json.loads("".join([piece async for piece in stream_person(session, key, person_id)]))
    return exported


def _plain(value: Any) -> Any:
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
