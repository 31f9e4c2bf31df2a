"""How SQLite stores and counts events: one connection writes, so a look before the insert is safe.

Many rows go in one statement: any number up to `ANY_NUMBER`, then powers of two up to `MOST_AT_ONCE`. So few
statements are ever prepared, and each is one call into SQLite, outside of Python's lock.
"""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from functools import lru_cache
from itertools import chain
from typing import Any, TypeVar

from sqlalchemy import Dialect

from shared.store.event_tables.statements import RARE, STATEMENTS, Columns, Row, Steps, all_plain
from shared.store.models import Event, PageView, Rollup, VisitorDay

MOST_AT_ONCE = 128
ANY_NUMBER = 32
NEW_VIEWS = "ON CONFLICT DO NOTHING RETURNING view"
Item = TypeVar("Item")


class SqliteTables:
    """Statements for the writing connection of a SQLite file."""

    def __init__(self, dialect: Dialect) -> None:
        self._events = Columns(Event, dialect, without=("id",))
        self._plain_events = Columns(Event, dialect, without=("id", *RARE))
        self._views = Columns(PageView, dialect)
        self._days = Columns(VisitorDay, dialect)
        self._rollups = Columns(Rollup, dialect)

    def insert_events(self, _site: str, rows: Sequence[Row]) -> Steps[list[Row]]:
        """The rows whose id was not there yet; ids within `rows` differ."""
        columns = self._plain_events if all_plain(rows) else self._events
        place = columns.place("event_id")
        encoded = columns.values(rows)
        made = yield from _insert(columns, encoded, "ON CONFLICT DO NOTHING")
        if made == len(rows):
            return list(rows)
        # One connection writes, so the newest rows of the table are those that were just made.
        newest = yield "SELECT event_id FROM event ORDER BY id DESC LIMIT ?", (made,)
        new = {event_id for (event_id,) in newest}
        return [row for row, values in zip(rows, encoded, strict=True) if values[place] in new]

    def insert_views(self, _site: str, rows: Sequence[Row]) -> Steps[list[Row]]:
        """The views that were not there yet."""
        encoded = self._views.values(rows)
        place = self._views.place("view")
        made: set[Any] = set()
        for part in _parts(encoded):
            text = _insert_text(self._views.table, self._views.listed, len(self._views.names), len(part), NEW_VIEWS)
            made.update([view for (view,) in (yield text, list(chain.from_iterable(part)))])
        return [row for row, values in zip(rows, encoded, strict=True) if values[place] in made]

    def note_clicked(self, site: str, views: Sequence[str]) -> Steps[list[tuple[datetime, date]]]:
        """Hour and day of those views in which nothing had been clicked so far."""
        start = "UPDATE page_view SET clicked = 1 WHERE site = ? AND clicked = 0 AND view IN "
        wanted = [self._views.value("view", view) for view in views]
        changed = yield from _matching(start, (site,), wanted, " RETURNING hour, local_day")
        return [(self._views.read("hour", hour), self._views.read("local_day", day)) for hour, day in changed]

    def add_days(self, site: str, rows: Sequence[Row]) -> Steps[tuple[list[Row], list[tuple[datetime, date]]]]:
        """Adds visitor-days or notes their conversion: the new ones, and hour and day of those that converted now."""
        encoded = self._days.values(rows)
        known = yield from self._known_days(site, encoded)
        day_place, visitor_place = self._days.place("local_day"), self._days.place("visitor")
        fresh, converted, moving = [], [], []
        for row, values in zip(rows, encoded, strict=True):
            found = known.get((values[day_place], values[visitor_place]))
            if found is None:
                fresh.append(row)
                moving.append(values)
            elif row["converted"] and not found[1]:
                converted.append((self._days.read("hour", found[0]), row["local_day"]))
                moving.append(values)
        yield from _insert(self._days, moving, f"ON CONFLICT ({self._days.key}) DO UPDATE SET converted = 1")
        return fresh, converted

    def _known_days(self, site: str, encoded: Sequence[Sequence[Any]]) -> Steps[dict[tuple[Any, Any], tuple[Any, Any]]]:
        """Hour and conversion of the days that are there, by day and visitor."""
        day_place, visitor_place = self._days.place("local_day"), self._days.place("visitor")
        by_day: dict[Any, list[Any]] = {}
        for values in encoded:
            by_day.setdefault(values[day_place], []).append(values[visitor_place])
        start = "SELECT visitor, hour, converted FROM visitor_day WHERE site = ? AND local_day = ? AND visitor IN "
        known = {}
        for day, visitors in by_day.items():
            found = yield from _matching(start, (site, day), visitors)
            known.update({(day, visitor): (hour, converted) for visitor, hour, converted in found})
        return known

    def keys(self, site: str, measure: str, day: date, hours: tuple[datetime, datetime], but: str) -> Steps[set[str]]:
        """The keys that a measure has on a local day; bounds on the hour let the index find them."""
        first, end = (self._rollups.value("hour", hour) for hour in hours)
        found = yield (
            "SELECT DISTINCT key FROM rollup"
            " WHERE site = ? AND measure = ? AND hour >= ? AND hour < ? AND local_day = ? AND key <> ?",
            (site, measure, first, end, self._rollups.value("local_day", day), but),
        )
        return {key for (key,) in found}

    def add_rollups(self, rows: Sequence[Row]) -> Steps[None]:
        add = "count = count + excluded.count, total = total + excluded.total"
        encoded = self._rollups.values(rows)
        yield from _insert(self._rollups, encoded, f"ON CONFLICT ({self._rollups.key}) DO UPDATE SET {add}")


def _insert(columns: Columns, encoded: Sequence[Sequence[Any]], conflict: str = "") -> Steps[int]:
    """How many rows were made or changed."""
    changed = 0
    for part in _parts(encoded):
        text = _insert_text(columns.table, columns.listed, len(columns.names), len(part), conflict)
        ((count,),) = yield text, list(chain.from_iterable(part))
        changed += count
    return changed


def _matching(start: str, values: tuple[Any, ...], wanted: Sequence[Any], end: str = "") -> Steps[list[Any]]:
    """The rows of all parts of a list that is too long or too varied for one statement."""
    found: list[Any] = []
    for part in _parts(wanted):
        found += yield _matching_text(start, len(part), end), [*values, *part]
    return found


def _parts(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    start = 0
    while remaining := len(items) - start:
        size = remaining if remaining <= ANY_NUMBER else min(MOST_AT_ONCE, 1 << (remaining.bit_length() - 1))
        yield items[start : start + size]
        start += size


@lru_cache(maxsize=STATEMENTS)
def _insert_text(table: str, listed: str, columns: int, rows: int, conflict: str) -> str:
    one = "(" + ", ".join("?" * columns) + ")"
    return f"INSERT INTO {table} ({listed}) VALUES {', '.join([one] * rows)} {conflict}"  # noqa: S608


@lru_cache(maxsize=STATEMENTS)
def _matching_text(start: str, items: int, end: str) -> str:
    return f"{start}({', '.join('?' * items)}){end}"
