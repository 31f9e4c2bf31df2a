"""The goals of speed: what is measured, the floor, the aim, and the table that shows all three."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Goal:
    number: str
    what: str
    must: float
    stretch: float
    is_least: bool  # whether more is better

    def is_met(self, value: float, bound: float) -> bool:
        return value >= bound if self.is_least else value <= bound


def least(number: str, what: str, must: float, stretch: float) -> Goal:
    return Goal(number, what, must, stretch, is_least=True)


def most(number: str, what: str, must: float, stretch: float) -> Goal:
    return Goal(number, what, must, stretch, is_least=False)


GOALS = {
    goal.number: goal
    for goal in (
        least("1", "/track, SQLite FULL, 32 connections: req/s ÷ bare", 0.45, 0.60),
        least("2", "the same at 256 connections", 0.60, 0.80),
        most("3", "CPU a request ÷ bare, 32 connections", 2.2, 1.6),
        least("4", "req/s ÷ FastAPI and ORM with a commit a request", 10, 15),
        least("4p", "the same on PostgreSQL", 10, 15),
        most("5", "20 events a request: CPU an event ÷ CPU of a request with one", 0.25, 0.17),
        most("6", "p99 ÷ bare's, 32 connections", 3, 2),
        least("7", "flush +5 ms: req/s ÷ a commit a request, 32 connections", 8, 12),
        least("7b", "the same at 256 connections", 12, 18),
        most("8", "flush +5 ms: p50 in flushes, 32 connections", 5, 3.5),
        least("10", "PostgreSQL: req/s ÷ bare, 32 connections", 0.4, 0.6),
        least("10b", "two processes ÷ one, 256 connections, best of each", 1.25, 1.45),
        least("16", "writer alone: events/s ÷ sqlite3 with a row number only", 0.25, 0.4),
        least("17", "req/s while a client loops over the dashboard ÷ without", 0.6, 0.8),
        most("17b", "p99 of the same", 4, 2),
        most("18", "p99 beside the longest /feedback ÷ without", 2, 1.3),
        most("19", "start to the first 202 ÷ import of aiohttp and sqlmodel", 2.5, 1.6),
        most("19b", "memory when idle, MB", 110, 80),
        most("19c", "heavy modules loaded at the start", 0, 0),
        most("20", "bytes an event on SQLite, with indexes and rollups", 300, 130),
    )
}


class Results:
    """Values by goal; several values of one goal are rounds, of which the median counts."""

    def __init__(self) -> None:
        self._values: dict[str, list[float]] = {}

    def add(self, number: str, *values: float) -> None:
        self._values.setdefault(number, []).extend(values)

    def table(self) -> Table:
        table = Table(title="Goals of speed: ratios within one run", caption=CAPTION)
        for column in ("#", "what", "measured (range)", "must", "stretch", ""):
            table.add_column(column, justify="left" if column in ("#", "what") else "right")
        for number, goal in GOALS.items():
            values = self._values.get(number)
            if values is None:
                table.add_row(number, goal.what, "not measured", *_bounds(goal), "")
                continue
            value = median(values)
            table.add_row(number, goal.what, _shown(values), *_bounds(goal), _verdict(goal, value))
        return table

    def is_floor_met(self) -> bool:
        return all(GOALS[number].is_met(median(values), GOALS[number].must) for number, values in self._values.items())


CAPTION = "9: no acknowledged event is lost or doubled by kill -9: tests/scenarios/test_kill_under_load.py"


def _bounds(goal: Goal) -> tuple[str, str]:
    sign = "≥" if goal.is_least else "≤"
    return f"{sign} {goal.must:g}", f"{sign} {goal.stretch:g}"


def _verdict(goal: Goal, value: float) -> str:
    if goal.is_met(value, goal.stretch):
        return "stretch"
    return "met" if goal.is_met(value, goal.must) else "NOT MET"


def _shown(values: list[float]) -> str:
    digits = 0 if median(values) >= 20 else 2
    middle = f"{median(values):.{digits}f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def step(console: Console, title: str, work: Callable[[], None]) -> None:
    """One part of the benchmark; one that cannot run here says so and leaves its goals unmeasured."""
    console.print(f"… {title}", style="dim")
    try:
        work()
    except (RuntimeError, OSError, ImportError) as error:
        console.print(f"  not measured: {error}", style="yellow")
