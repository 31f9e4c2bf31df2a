"""Goals 16 and 20: the writer without HTTP against sqlite3, and what an event takes on disk."""

import asyncio
import sqlite3
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from shared.config import Settings
from shared.ingest.event_fields import Received, TrackEvent, make_row
from shared.ingest.event_groups import EventGroups
from shared.store.database import DATABASE_FILE, Store, open_store, own_data_dir
from shared.store.dialect import truncate_wal
from shared.store.event_tables import NO_RARE
from shared.store.sqlite_writer import SqliteWriter
from tests.conftest import NOON, make_settings
from tests.speed.goals import Results

BATCH = 1000
BATCHES = 20
DAYS = 30
EVENTS_PER_VIEW = 4
VISITORS_PER_DAY = 100
PAGES = 200


def measure_storage(results: Results, folder: Path) -> None:
    for number in range(5):
        plain = rows_per_second_plain(folder / f"plain-{number}.sqlite")
        results.add("16", asyncio.run(rows_per_second_ours(folder / f"alone-{number}")) / plain)
    results.add("20", asyncio.run(bytes_per_event(folder / "size")))


def rows_per_second_plain(path: Path) -> float:
    """The least that SQLite can be asked for: the same values, durable, in a table with nothing but a row number."""
    rows = make_rows(make_settings(path.parent / "names"), 0, BATCH)
    values = [tuple({**NO_RARE, **row}.values()) for row in rows]
    plain = [tuple(str(value) if value is not None else None for value in row) for row in values]
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute(f"CREATE TABLE event ({', '.join(f'c{number}' for number in range(len(plain[0])))})")
    insert = f"INSERT INTO event VALUES ({', '.join('?' * len(plain[0]))})"
    started = time.perf_counter()
    for _ in range(BATCHES):
        connection.execute("BEGIN")
        connection.executemany(insert, plain)
        connection.execute("COMMIT")
    elapsed = time.perf_counter() - started
    connection.close()
    return BATCH * BATCHES / elapsed


async def rows_per_second_ours(folder: Path) -> float:
    """Through the groups and the writer, with de-duplication, views, visitors and rollups."""
    settings = make_settings(folder)
    store = open_store(settings, own_data_dir(folder))
    groups = EventGroups(store, 100)
    batches = [make_rows(settings, number * BATCH, BATCH) for number in range(BATCHES)]
    started = time.perf_counter()
    for batch in batches:
        await groups.store_rows("docs", batch)
    elapsed = time.perf_counter() - started
    await store.close()
    return BATCH * BATCHES / elapsed


async def bytes_per_event(folder: Path) -> float:
    """Of the file after a month of events, less the empty one."""
    settings = make_settings(folder)
    empty = (folder / DATABASE_FILE).stat().st_size
    store = open_store(settings, own_data_dir(folder))
    count = await fill(store, settings, 100_000)
    await empty_wal(store)
    size = (folder / DATABASE_FILE).stat().st_size
    await store.close()
    return (size - empty) / count


async def fill(store: Store, settings: Settings, count: int, first: int = 0) -> int:
    """Stores made-up events in the order of their days; how many."""
    groups = EventGroups(store, 100)
    for start in range(first, first + count, BATCH):
        await groups.store_rows("docs", make_rows(settings, start, BATCH, count_of_all=first + count))
    return count


async def empty_wal(store: Store) -> None:
    if isinstance(store.writer, SqliteWriter):
        await store.writer.run_alone(truncate_wal)


def make_rows(settings: Settings, first: int, count: int, count_of_all: int = BATCH * BATCHES) -> list[dict[str, Any]]:
    """Rows as the intake makes them of the script's events, spread evenly over a month."""
    site = settings.sites[0]
    return [_make_row(settings, site, number, count_of_all) for number in range(first, first + count)]


def _make_row(settings: Settings, site: Any, number: int, count_of_all: int) -> dict[str, Any]:
    view_number, index = divmod(number, EVENTS_PER_VIEW)
    now = NOON + timedelta(days=DAYS * number / count_of_all)
    view = f"0.{view_number * 40_503_767 % 36**5:08}{view_number * 48_271 % 99_991:05}"
    visitor = f"{hash((now.date(), view_number % VISITORS_PER_DAY)) & (2**128 - 1):032x}"
    sent = TrackEvent(
        id=f"{view}{index}",
        name="page_view" if index == 0 else "engagement",
        view=view,
        page=f"/guide/page-{view_number % PAGES}",
        title="A page of the guide" if index == 0 else None,
        marked=index == 0,
        engaged_ms=None if index == 0 else 1000 + number % 5000,
        scroll_percent=None if index == 0 else number % 100,
        props={"kind": "load"} if index == 0 else {},
    )
    received = Received(site, now, now.date(), now, now, None, lambda _day: visitor, with_key=False)
    return make_row(sent, received, settings)
