"""Statements that SQLAlchemy builds once: after that there is only a text for the driver, and values in its order.

For the few units that run beside `/track`: building a statement and finding its compiled form anew takes Python
many times as long as the statement takes the database, and holds the loop up.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Dialect
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ClauseElement

from shared.store.event_tables import Statement


class ReadyStatement:
    """A statement for steps. Its values are named as the bound parameters, in an INSERT as the columns: all or some."""

    def __init__(self, statement: ClauseElement, dialect: Dialect, columns: Sequence[str] | None = None) -> None:
        compiled = cast(SQLCompiler, statement.compile(dialect=dialect, column_keys=columns))
        self._text = compiled.string
        self._names = tuple(compiled.positiontup or ())
        self._constants = {name: value for name, value in compiled.params.items() if value is not None}
        processors = {name: compiled.binds[name].type.dialect_impl(dialect) for name in self._names}
        self._binds = {
            name: bind for name, kind in processors.items() if (bind := kind.bind_processor(dialect)) is not None
        }

    def with_values(self, values: Mapping[str, Any]) -> Statement:
        """What the driver gets."""
        given = {**self._constants, **values}
        for name, bind in self._binds.items():
            given[name] = bind(given[name])
        return self._text, [given[name] for name in self._names]
