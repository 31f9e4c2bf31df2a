"""All rows of one person as plain data, by table."""

from datetime import date, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel, select

from shared.ingest.erasure.rows import ROWS_OF_A_PERSON, load_subject


async def export_person(session: AsyncSession, person_id: str) -> dict[str, Any]:
    """Each table with its rows, every column; ready for JSON. Raises `NotFound` for an unknown person."""
    subject = await load_subject(session, person_id)
    exported: dict[str, Any] = {}
    for table, belongs in ROWS_OF_A_PERSON.items():
        rows = (await session.execute(select(table).where(belongs(subject)))).scalars().all()
        exported[str(table.__tablename__)] = [_as_data(row) for row in rows]
    return exported


def _as_data(row: SQLModel) -> dict[str, Any]:
    columns = type(row).__table__.columns  # type: ignore[attr-defined]
    return {column.key: _plain(getattr(row, column.key)) for column in columns}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, (date, datetime)) else value
