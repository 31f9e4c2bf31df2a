"""`make bench`: the goals of speed as ratios of one interleaved run, each with its floor and its aim.

Absolute numbers vary with the machine; ratios within one run do much less. Bounded in requests and time, on loopback
only. `python -m tests.speed.bench sqlite start` does some parts only.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from shared.derive.sentiment import SentimentLimits, score_sentiment
from tests.speed.goals import Results, step
from tests.speed.intake import compare_postgres, compare_slow_flush, compare_sqlite
from tests.speed.neighbours import compare_neighbours
from tests.speed.start import measure_start
from tests.speed.storage import measure_storage

PARTS: dict[str, tuple[str, Callable[[Results, Path], None]]] = {
    "sqlite": ("/track on SQLite, beside an answer that stores nothing and the usual way", compare_sqlite),
    "flush": ("the same with a disk that takes 5 ms more", compare_slow_flush),
    "postgres": ("/track on PostgreSQL, one process and two", compare_postgres),
    "neighbours": ("/track beside a reader of the dashboard and beside the longest feedback", compare_neighbours),
    "storage": ("the writer alone, and what an event takes on disk", measure_storage),
    "start": ("starting, and memory when idle", lambda results, folder: measure_start(results, folder / "start")),
}


def show_scoring(console: Console) -> None:
    """Time per character of longer and longer texts; linear scoring keeps it level (part of goal 18)."""
    table = Table(title="Scoring a text: time per character ÷ that of 500 characters")
    for column in ("characters", "ms", "ratio"):
        table.add_column(column, justify="right")
    limits = SentimentLimits(characters=4000, words=200, emoji=40)
    sentence = "The guide is great but the second step fails badly on my machine, sorry. "
    seconds = {length: least_seconds((sentence * 200)[:length], limits) for length in (500, 1000, 2000, 5000)}
    for length, taken in seconds.items():
        table.add_row(str(length), f"{taken * 1000:.2f}", f"{taken / length / (seconds[500] / 500):.2f}")
    console.print(table)


def least_seconds(text: str, limits: SentimentLimits) -> float:
    best = float("inf")
    for _ in range(5):
        started = time.perf_counter()
        score_sentiment(text, limits)
        best = min(best, time.perf_counter() - started)
    return best


def main() -> None:
    console = Console(width=120)
    results = Results()
    wanted = sys.argv[1:] or list(PARTS)
    with tempfile.TemporaryDirectory() as folder:
        for name in wanted:
            title, work = PARTS[name]
            step(console, title, lambda work=work: work(results, Path(folder)))  # type: ignore[misc]
    console.print(results.table())
    show_scoring(console)


if __name__ == "__main__":
    main()
