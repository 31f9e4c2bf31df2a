"""Every column of every table: what it holds, whether a person is handed it, and what erasing does to it.

Exporting and erasing follow this map, the documentation is written from it, and a column without a rule
fails the tests. A new column gets its line here in the same change.
"""

from shared.guard.data_map.people import PEOPLE
from shared.guard.data_map.rules import ColumnRule, Fate, TableRule
from shared.guard.data_map.running import RUNNING
from shared.guard.data_map.visits import VISITS

__all__ = ["DATA_MAP", "ColumnRule", "Fate", "TableRule", "exported_columns", "missing_rules"]

DATA_MAP: dict[str, TableRule] = {**VISITS, **PEOPLE, **RUNNING}


def exported_columns(table: str) -> list[str]:
    """The columns of a table that a person is handed."""
    return [name for name, rule in DATA_MAP[table].columns.items() if rule.exported]


def missing_rules(columns: dict[str, list[str]]) -> list[str]:
    """Of these tables' columns, those that the map does not know, and those that it knows but do not exist."""
    found = {f"{table}.{name}" for table, names in columns.items() for name in names}
    mapped = {f"{table}.{name}" for table, rule in DATA_MAP.items() if table in columns for name in rule.columns}
    return sorted(found ^ mapped)
