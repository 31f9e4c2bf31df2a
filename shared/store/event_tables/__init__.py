"""The statements that store and count events: few, made once, straight to the driver.

What has to happen is written once, as steps (`shared/derive/rollups`); here is how each database does a step.
"""

from sqlalchemy import Dialect
from sqlalchemy.ext.asyncio import AsyncSession

from shared.store.event_tables.postgresql import PostgresTables
from shared.store.event_tables.sqlite import SqliteTables
from shared.store.event_tables.statements import NO_RARE, Row, Statement, Steps, run_in_session

__all__ = [
    "NO_RARE",
    "EventTables",
    "PostgresTables",
    "Row",
    "Statement",
    "Steps",
    "run_in_session",
    "tables_for",
    "tables_of",
]

EventTables = SqliteTables | PostgresTables
_made: dict[str, EventTables] = {}


def tables_for(dialect: Dialect) -> EventTables:
    """The statements of a database."""
    found = _made.get(dialect.name)
    if found is None:
        found = _made[dialect.name] = PostgresTables(dialect) if dialect.name == "postgresql" else SqliteTables(dialect)
    return found


def tables_of(session: AsyncSession) -> EventTables:
    return tables_for(session.get_bind().dialect)
