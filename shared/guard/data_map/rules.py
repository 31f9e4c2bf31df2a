"""What may become of a column: the few words in which the data map is written."""

from dataclasses import dataclass
from enum import StrEnum


class Fate(StrEnum):
    """What erasing a person does to a column of the person's rows."""

    ERASE = "erase"  # it goes with its row
    EMPTY = "empty"  # the row stays, the column is emptied or gets a random value
    KEEP = "keep"  # it stays, because it points to nobody


@dataclass(frozen=True)
class ColumnRule:
    """One column: its fate, whether the person is handed it, and what it holds or why it stays."""

    fate: Fate
    exported: bool
    holds: str


@dataclass(frozen=True)
class TableRule:
    """One table. `kept_for` is a setting of `[retention]`, or a sentence when no number of days ends its rows."""

    holds: str
    kept_for: str
    columns: dict[str, ColumnRule]


def erased(holds: str) -> ColumnRule:
    """The person's: handed out, and gone with them."""
    return ColumnRule(Fate.ERASE, True, holds)


def erased_unseen(holds: str) -> ColumnRule:
    """Gone with the person, but about somebody else or nothing that a person could read: not handed out."""
    return ColumnRule(Fate.ERASE, False, holds)


def emptied(holds: str) -> ColumnRule:
    """Points to the person in a row that stays: handed out, and emptied."""
    return ColumnRule(Fate.EMPTY, True, holds)


def emptied_unseen(holds: str) -> ColumnRule:
    """Points to the person or to somebody else in a row that stays: emptied, not handed out."""
    return ColumnRule(Fate.EMPTY, False, holds)


def number(holds: str) -> ColumnRule:
    """Says nothing about anybody once the rest of the row is emptied: handed out, and kept."""
    return ColumnRule(Fate.KEEP, True, holds)


def kept(why: str) -> ColumnRule:
    """Belongs to no visitor or member of a community."""
    return ColumnRule(Fate.KEEP, False, why)
