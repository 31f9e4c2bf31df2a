"""All rows of one person, or of a user of a server, as JSON, by table, with the columns that the data map hands out."""

import json
from collections.abc import AsyncIterator
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

from shared.guard.data_map import exported_columns
from shared.ingest.erasure.rows import ROWS_OF_A_PERSON, ROWS_OF_A_USER, Subject, load_subject
from shared.ingest.erasure.subjects import Who
from shared.store.people import Owner

ROWS_AT_ONCE = 500


async def stream_person(session: AsyncSession, key: bytes, who: Who) -> AsyncIterator[str]:
    """Pieces of one JSON object: each table with its rows, a line each. Never more than some hundred in memory.

    Raises `NotFound` for an unknown person before the first piece.
    """
    subject = None if who.person_id is None else await load_subject(session, key, who.person_id)
    user = None if who.user is None else Owner(user=who.user)
    opening = "{"
    for table in ROWS_OF_A_PERSON:
        handed_out = exported_columns(str(table.__tablename__))
        columns = [column for column in table.__table__.columns if column.key in handed_out]  # type: ignore[attr-defined]
        if not columns:
            continue
        yield f"{opening}\n{json.dumps(table.__tablename__)}:["
        opening, comma = ",", ""
        for theirs in _conditions(table, subject, user):
            query = select(*columns).where(theirs).execution_options(yield_per=ROWS_AT_ONCE)
            result = await session.stream(query)
            async for rows in result.mappings().partitions(ROWS_AT_ONCE):
                lines = ",\n".join(json.dumps(dict(row), ensure_ascii=False, default=_plain) for row in rows)
                yield f"{comma}\n{lines}"
                comma = ","
        yield "]"
    yield "\n}"


def _conditions(table: type[SQLModel], subject: Subject | None, user: Owner | None) -> list[ColumnElement[bool]]:
    """One query each, so that each finds its index; no row is of both."""
    found = [] if subject is None else [ROWS_OF_A_PERSON[table](subject)]
    return found + ([ROWS_OF_A_USER[table](user)] if user is not None and table in ROWS_OF_A_USER else [])


async def export_person(session: AsyncSession, key: bytes, who: Who) -> dict[str, Any]:
    """The same as data."""
    exported: dict[str, Any] = json.loads("".join([piece async for piece in stream_person(session, key, who)]))
    return exported


def _plain(value: Any) -> Any:
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
