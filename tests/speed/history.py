"""`make bench-history`: the rate at which events are stored when there are 1 and when there are 10 million.

`python -m tests.speed.history 100000 1000000` takes other sizes.

Rows are made and stored as the intake does it, day after day; then the same number of new ones is stored in groups
as small as those of 32 connections. Takes a quarter of an hour and some gigabytes of the temporary folder.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.progress import track

from shared.ingest.event_groups import EventGroups
from shared.store.database import DATABASE_FILE, open_store, own_data_dir
from tests.conftest import make_settings
from tests.speed.storage import BATCH, empty_wal, make_rows

SIZES = (1_000_000, 10_000_000)
GROUP = 32
GROUPS = 300
ROUNDS = 5
MUST = 0.8


async def measure(folder: Path, console: Console, sizes: Sequence[int]) -> float:
    """The rate at the larger size as a share of that at the smaller one."""
    settings = make_settings(folder)
    store = open_store(settings, own_data_dir(folder))
    groups = EventGroups(store, 100)
    stored, rates = 0, []
    for size in sizes:
        starts = range(stored, size, BATCH)
        for start in track(starts, f"{size:,} events", console=console, transient=True):
            await groups.store_rows("docs", make_rows(settings, start, BATCH, count_of_all=sizes[-1]))
        stored = size
        await empty_wal(store)
        found = []
        for _ in range(ROUNDS):
            rows = make_rows(settings, stored, GROUP * GROUPS, count_of_all=sizes[-1])
            stored += GROUP * GROUPS
            found.append(await _rate(groups, rows))
        rates.append(median(found))
        bytes_each = (folder / DATABASE_FILE).stat().st_size / stored
        console.print(
            f"{size:>12,} events: {rates[-1]:,.0f} events/s in groups of {GROUP}, {bytes_each:.0f} bytes each"
        )
        stored += -stored % BATCH
    await store.close()
    return rates[-1] / rates[0]


async def _rate(groups: EventGroups, rows: list[dict[str, object]]) -> float:
    started = time.perf_counter()
    for start in range(0, len(rows), GROUP):
        await groups.store_rows("docs", rows[start : start + GROUP])
    return len(rows) / (time.perf_counter() - started)


def main() -> None:
    console = Console(width=120)
    sizes = [int(size) for size in sys.argv[1:3]] or list(SIZES)
    with tempfile.TemporaryDirectory() as folder:
        share = asyncio.run(measure(Path(folder) / "history", console, sizes))
    console.print(f"rate at {sizes[1]:,} ÷ rate at {sizes[0]:,}: {share:.2f}, must ≥ {MUST}")


if __name__ == "__main__":
    main()
