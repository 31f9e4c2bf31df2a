"""The data map knows every column of both databases, and agrees with what the models say of erasing."""

import pytest
from sqlalchemy import Column, MetaData, String, Table, inspect
from sqlalchemy.engine import Connection
from sqlmodel import SQLModel

from shared.guard.data_map import DATA_MAP, Fate, missing_rules
from shared.store import models
from shared.store.database import Store
from shared.store.models import Erasure

TABLES: list[type[SQLModel]] = [
    table for name in models.__all__ if isinstance(table := getattr(models, name), type) and issubclass(table, SQLModel)
]
LEAST_FATES = {Erasure.DELETE: {Fate.ERASE}, Erasure.CLEAR: {Fate.EMPTY, Fate.KEEP}, Erasure.KEEP: {Fate.KEEP}}


def model_columns() -> dict[str, list[str]]:
    return {str(table.__tablename__): list(table.model_fields) for table in TABLES}


def test_every_column_of_every_model_has_a_rule() -> None:
    assert missing_rules(model_columns()) == []


async def test_every_column_that_the_database_has_is_in_the_map(store: Store) -> None:
    def columns(connection: Connection) -> dict[str, list[str]]:
        inspector = inspect(connection)
        return {
            name: [column["name"] for column in inspector.get_columns(name)] for name in inspector.get_table_names()
        }

    async with store.writing_engine.connect() as connection:
        found = await connection.run_sync(columns)
    assert missing_rules(found) == []
    assert set(DATA_MAP) - set(found) <= {"visitor_salt"}  # on SQLite the salts are in a file


def test_a_column_without_a_rule_is_named() -> None:
    columns = model_columns()
    columns["feedback"].append("shoe_size")
    assert missing_rules(columns) == ["feedback.shoe_size"]


def test_a_table_without_a_rule_is_named() -> None:
    made_up = Table("cookie_jar", MetaData(), Column("cookie", String))
    columns = {**model_columns(), made_up.name: [column.name for column in made_up.columns]}
    assert missing_rules(columns) == ["cookie_jar.cookie"]


def test_a_rule_without_a_column_is_named() -> None:
    columns = model_columns()
    columns["feedback"].remove("contact")
    assert missing_rules(columns) == ["feedback.contact"]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: str(table.__tablename__))
def test_the_map_and_the_model_say_the_same_of_erasing(table: type[SQLModel]) -> None:
    fates = {rule.fate for rule in DATA_MAP[str(table.__tablename__)].columns.values()}
    allowed = LEAST_FATES[table.erasure]  # type: ignore[attr-defined]
    assert fates <= allowed
    assert table.erasure is not Erasure.CLEAR or Fate.EMPTY in fates  # type: ignore[attr-defined]


def test_every_rule_says_what_it_is_about() -> None:
    rules = {f"{table}.{name}": rule for table, row in DATA_MAP.items() for name, rule in row.columns.items()}
    assert [name for name, rule in rules.items() if not rule.holds.strip()] == []
    assert [name for name, rule in DATA_MAP.items() if not (rule.holds and rule.kept_for)] == []
