"""Steps: work that yields statements and is sent their rows, so that any driver can run it.

A statement that has no rows to give answers with one: how many rows it changed (not on PostgreSQL, where a
statement says RETURNING).

SQLite runs all steps of a unit at once, PostgreSQL awaits each on its connection, and a session runs them in the
unit that it belongs to.
"""

import sqlite3
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Boolean, Dialect, Table, TypeDecorator
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import SQLModel

Result = TypeVar("Result")
STATEMENTS = 512  # that stay prepared
Row = Mapping[str, Any]  # values by column; an event has all of the rare ones or none of them
Rows = Sequence[Sequence[Any]]
Statement = tuple[str, Sequence[Any]]
Steps = Generator[Statement, Rows, Result]
# NULL in nearly all events, so that they are left out when none of a group has one.
RARE = ("person_id", "target", "sequence", "step", "steps", "experiment", "variant", "goal", "value_cents", "currency")
NOTHING_RARE = (None,) * len(RARE)
NO_RARE: Mapping[str, None] = dict.fromkeys(RARE)
UNIQUE_VIOLATION = "23505"
THERE_ALREADY: Rows = ()  # the answer to a `Whole` that changed nothing
_rare = itemgetter(*RARE)


class Whole(NamedTuple):
    """A statement that is a unit by itself, on PostgreSQL and as the first step only.

    Its rows are the answer; none when something of it was there already, and then it changed nothing.
    """

    text: str
    values: Sequence[Any]


def run_on_connection(connection: sqlite3.Connection, steps: Steps[Result]) -> Result:
    """All steps at once on SQLite; blocks, so not for the loop."""
    try:
        text, values = next(steps)
        while True:
            cursor = connection.execute(text, values)
            text, values = steps.send(cursor.fetchall() if cursor.description else ((cursor.rowcount,),))
    except StopIteration as end:
        result: Result = end.value
        return result


async def run_on_driver(connection: Any, steps: Steps[Result]) -> Result:
    """A unit of steps on a connection of asyncpg."""
    try:
        statement = next(steps)
        if isinstance(statement, Whole):
            statement = steps.send(await _run_whole(connection, statement))
    except StopIteration as end:
        result: Result = end.value
        return result
    async with connection.transaction():
        return await _run_rest(connection, steps, *statement)


async def _run_whole(connection: Any, statement: Whole) -> Rows:
    try:
        rows: Rows = await connection.fetch(statement.text, *statement.values)
        return rows
    except Exception as error:
        if getattr(error, "sqlstate", None) == UNIQUE_VIOLATION:
            return THERE_ALREADY
        raise


async def _run_rest(connection: Any, steps: Steps[Result], text: str, values: Sequence[Any]) -> Result:
    try:
        while True:
            text, values = steps.send(await connection.fetch(text, *values))
    except StopIteration as end:
        result: Result = end.value
        return result


async def run_in_session(session: AsyncSession, steps: Steps[Result]) -> Result:
    """Step after step in the unit of a session."""
    connection = await session.connection()
    try:
        text, values = next(steps)
        while True:
            answer = await connection.exec_driver_sql(text, tuple(values))
            text, values = steps.send(answer.fetchall() if answer.returns_rows else ((answer.rowcount,),))
    except StopIteration as end:
        result: Result = end.value
        return result


def all_plain(rows: Sequence[Row]) -> bool:
    """Whether no event has a value in one of the rare columns."""
    return all([RARE[0] not in row or _rare(row) == NOTHING_RARE for row in rows])


class Columns:
    """The columns of a table in a fixed order, and how their values become those of the driver."""

    def __init__(self, model: type[SQLModel], dialect: Dialect, without: Sequence[str] = ()) -> None:
        table: Table = model.__table__  # type: ignore[attr-defined]
        chosen = [column for column in table.columns if column.key not in without]
        self.table = table.name
        self.names = [column.key for column in chosen]
        self.listed = ", ".join(self.names)
        self.key = ", ".join(column.key for column in table.primary_key.columns)
        self.types = {column.key: column.type.compile(dialect=dialect) for column in chosen}
        self._binds = {column.key: _bind(column.type, dialect) for column in chosen}
        self._places = [(place, bind) for place, name in enumerate(self.names) if (bind := self._binds[name])]
        self._read = cache(lambda name: _read(table.columns[name].type, dialect))

    def place(self, name: str) -> int:
        return self.names.index(name)

    def arrays(self, rows: Sequence[Row]) -> list[list[Any]]:
        """The parameters of each column."""
        made = [[row.get(name) for row in rows] if name in RARE else [row[name] for row in rows] for name in self.names]
        for place, bind in self._places:
            made[place] = _bind_all(bind, made[place])
        return made

    def values(self, rows: Sequence[Row]) -> list[tuple[Any, ...]]:
        """The parameters of each row."""
        return list(zip(*self.arrays(rows), strict=True))

    def value(self, name: str, value: Any) -> Any:
        """One value as a parameter."""
        bind = self._binds[name]
        return bind(value) if bind else value

    def read(self, name: str, value: Any) -> Any:
        """One value of an answer."""
        read = self._read(name)
        return read(value) if read else value


def _bind_all(bind: Callable[[Any], Any], values: Sequence[Any]) -> list[Any]:
    """Many events come together and share a value: its visitor, its day, when it was received."""
    last = bound = None
    made = []
    for value in values:
        if value is not last:
            last, bound = value, bind(value)
        made.append(bound)
    return made


def _bind(kind: Any, dialect: Dialect) -> Callable[[Any], Any] | None:
    if isinstance(kind, Boolean):
        return None  # both drivers take it as it is; SQLAlchemy would only check it
    processor: Callable[[Any], Any] | None = (
        kind.bind_processor(dialect)
        if isinstance(kind, TypeDecorator)
        else kind.dialect_impl(dialect).bind_processor(dialect)
    )
    return processor


def _read(kind: Any, dialect: Dialect) -> Callable[[Any], Any] | None:
    processor: Callable[[Any], Any] | None = (
        kind.result_processor(dialect, None)
        if isinstance(kind, TypeDecorator)
        else kind.dialect_impl(dialect).result_processor(dialect, None)
    )
    return processor
