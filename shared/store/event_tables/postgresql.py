"""How PostgreSQL stores and counts events: one array a column, one statement a table, rows in the order of
their keys, so that replicas never deadlock. Usual events take one statement altogether: each one more is a way to the
server and back."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import Dialect

from shared.store.event_tables.statements import RARE, Columns, Row, Steps, Whole, all_plain
from shared.store.models import Event, PageView, Rollup, VisitorDay


class PostgresTables:
    """Statements for a connection of asyncpg."""

    def __init__(self, dialect: Dialect) -> None:
        self._events = Columns(Event, dialect, without=("id",))
        self._views = Columns(PageView, dialect)
        self._days = Columns(VisitorDay, dialect)
        self._rollups = Columns(Rollup, dialect)
        self._insert_events = _insert(
            # In the order in which they came, so that a rebuild meets them in the same one.
            self._events,
            "site, event_id",
            "DO NOTHING RETURNING event_id",
            sort=False,
        )
        self._insert_views = _insert(self._views, self._views.key, "DO NOTHING RETURNING view")
        self._add_days = _insert(self._days, self._days.key, "DO NOTHING RETURNING local_day, visitor")
        counts = "count = rollup.count + excluded.count, total = rollup.total + excluded.total"
        self._add_rollups = _insert(self._rollups, self._rollups.key, f"DO UPDATE SET {counts}")
        self._plain_events = Columns(Event, dialect, without=("id", *RARE))
        self._whole = _whole(self._plain_events, self._views, self._days, self._rollups, counts)

    def store_at_once(
        self, site: str, events: Sequence[Row], views: Sequence[Row], days: Sequence[Row], rollups: Sequence[Row]
    ) -> Whole | None:
        """Events with the views and visitor-days they may begin and what else they count; None when one is not plain.

        Answers with a row, or with none when one of the events was there already.
        """
        if not all_plain(events):
            return None
        parts = ((self._plain_events, events), (self._views, views), (self._days, days), (self._rollups, rollups))
        return Whole(self._whole, [site, *(array for columns, rows in parts for array in columns.arrays(rows))])

    def insert_events(self, _site: str, rows: Sequence[Row]) -> Steps[list[Row]]:
        """The rows whose id was not there yet; ids within `rows` differ."""
        made = yield self._insert_events, self._events.arrays(rows)
        new = {event_id for (event_id,) in made}
        return list(rows) if len(new) == len(rows) else [row for row in rows if row["event_id"] in new]

    def insert_views(self, _site: str, rows: Sequence[Row]) -> Steps[list[Row]]:
        """The views that were not there yet."""
        if not rows:
            return []
        made = yield self._insert_views, self._views.arrays(rows)
        new = {view for (view,) in made}
        return [row for row in rows if row["view"] in new]

    def note_clicked(self, site: str, views: Sequence[str]) -> Steps[list[tuple[datetime, date]]]:
        """Hour and day of those views in which nothing had been clicked so far."""
        changed = yield (
            "UPDATE page_view SET clicked = true FROM"
            " (SELECT site, view FROM page_view WHERE site = $1 AND view = ANY($2) AND NOT clicked"
            " ORDER BY view FOR UPDATE) AS same"
            " WHERE page_view.site = same.site AND page_view.view = same.view"
            " RETURNING page_view.hour, page_view.local_day",
            (site, list(views)),
        )
        return [(hour, day) for hour, day in changed]

    def add_days(self, site: str, rows: Sequence[Row]) -> Steps[tuple[list[Row], list[tuple[datetime, date]]]]:
        """Adds visitor-days or notes their conversion: the new ones, and hour and day of those that converted now."""
        if not rows:
            return [], []
        made = yield self._add_days, self._days.arrays(rows)
        new = {(day, visitor) for day, visitor in made}
        fresh = [row for row in rows if (row["local_day"], row["visitor"]) in new]
        reached = [row for row in rows if row["converted"] and (row["local_day"], row["visitor"]) not in new]
        if not reached:
            return fresh, []
        changed = yield (
            "UPDATE visitor_day SET converted = true FROM"
            " (SELECT local_day, visitor FROM visitor_day JOIN unnest($2::date[], $3::text[]) AS given (day, who)"
            " ON local_day = given.day AND visitor = given.who WHERE site = $1 AND NOT converted"
            " ORDER BY local_day, visitor FOR UPDATE OF visitor_day) AS same"
            " WHERE visitor_day.site = $1 AND visitor_day.local_day = same.local_day"
            " AND visitor_day.visitor = same.visitor AND NOT visitor_day.converted"
            " RETURNING visitor_day.hour, visitor_day.local_day",
            (site, [row["local_day"] for row in reached], [row["visitor"] for row in reached]),
        )
        return fresh, [(hour, day) for hour, day in changed]

    def keys(self, site: str, measure: str, day: date, hours: tuple[datetime, datetime], but: str) -> Steps[set[str]]:
        """The keys that a measure has on a local day; bounds on the hour let the index find them."""
        found = yield (
            "SELECT DISTINCT key FROM rollup"
            " WHERE site = $1 AND measure = $2 AND hour >= $3 AND hour < $4 AND local_day = $5 AND key <> $6",
            (site, measure, *hours, day, but),
        )
        return {key for (key,) in found}

    def add_rollups(self, rows: Sequence[Row]) -> Steps[None]:
        if rows:
            yield self._add_rollups, self._rollups.arrays(rows)


def _insert(columns: Columns, unique: str, conflict: str, *, sort: bool = True) -> str:
    arrays = ", ".join(f"${place}::{columns.types[name]}[]" for place, name in enumerate(columns.names, start=1))
    return (
        f"INSERT INTO {columns.table} ({columns.listed}) SELECT * FROM unnest({arrays}) AS given ({columns.listed})"  # noqa: S608
        f"{f' ORDER BY {unique}' if sort else ''} ON CONFLICT ({unique}) {conflict}"
    )


def _whole(events: Columns, views: Columns, days: Columns, rollups: Columns, counts: str) -> str:
    """What the steps of `shared/derive/rollups` do for events without clicks and conversions."""
    place = 2  # after the site
    given = {}
    for columns in (events, views, days, rollups):
        arrays = ", ".join(f"${at}::{columns.types[name]}[]" for at, name in enumerate(columns.names, start=place))
        given[columns] = f"unnest({arrays}) AS given ({columns.listed})"
        place += len(columns.names)
    begun = "INSERT INTO {0.table} ({0.listed}) SELECT * FROM {1} ORDER BY {0.key} ON CONFLICT DO NOTHING"
    counted = "SELECT $1, '{0}', hour, local_day, '', count(*), 0 FROM {1} GROUP BY hour, local_day"
    return (
        f"WITH fresh_view AS ({begun.format(views, given[views])} RETURNING hour, local_day),"  # noqa: S608
        f" fresh_day AS ({begun.format(days, given[days])} RETURNING hour, local_day),"
        f" moved AS (INSERT INTO rollup ({rollups.listed}) SELECT {rollups.listed} FROM"
        f" (SELECT * FROM {given[rollups]} UNION ALL {counted.format('marked_view', 'fresh_view')}"
        f" UNION ALL {counted.format('visitor_day', 'fresh_day')}) AS added ({rollups.listed}) ORDER BY {rollups.key}"
        f" ON CONFLICT ({rollups.key}) DO UPDATE SET {counts})"
        f" INSERT INTO event ({events.listed}) SELECT * FROM {given[events]} RETURNING 1"
    )
