"""The only place that asks for the time.

Wall time is aware UTC. A test may shift it by the number of seconds in a file named by
`WARROOM_TEST_CLOCK_FILE` (read again at every call); the start is refused with it unless every
address in use is loopback. Monotonic time is never shifted.
"""

import asyncio
import os
import time
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

TEST_CLOCK_VARIABLE = "WARROOM_TEST_CLOCK_FILE"


# Days of quarters of an hour that lie in one day: asked for every event, and the zone rules are slow.
QUARTER_SECONDS = 900
DAYS_REMEMBERED = 2000
_days: dict[tuple[str, int], date] = {}


class Clock(Protocol):
    """What the time is, and how to wait."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ShiftedClock(SystemClock):
    """The machine's clock plus the offset (seconds, may be negative) that a file holds."""

    def __init__(self, offset_file: Path) -> None:
        self._offset_file = offset_file
        self._last_offset = timedelta()

    def now(self) -> datetime:
        try:
            self._last_offset = timedelta(seconds=float(self._offset_file.read_text().strip() or 0))
        except (OSError, ValueError):
            pass  # the file is being rewritten: the last good offset holds
        return super().now() + self._last_offset


class ManualClock(SystemClock):
    """A clock that stands still until it is told to move; for tests and for seeding history."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def move_to(self, when: datetime) -> None:
        self._now = when

    def advance(self, **duration: float) -> None:
        self._now += timedelta(**duration)


def shift_file() -> Path | None:
    """The offset file a test asked for, if any."""
    name = os.environ.get(TEST_CLOCK_VARIABLE)
    return Path(name) if name else None


def process_clock() -> Clock:
    """The clock of this process: the machine's, or the shifted one of a test."""
    offset_file = shift_file()
    return ShiftedClock(offset_file) if offset_file else SystemClock()


def local_day(moment: datetime, zone: str) -> date:
    """The calendar day of `moment` in the IANA zone."""
    place = (zone, int(moment.timestamp()) // QUARTER_SECONDS)
    day = _days.get(place)
    if day is not None:
        return day
    local = moment.astimezone(ZoneInfo(zone))
    start = datetime.fromtimestamp(place[1] * QUARTER_SECONDS, UTC)
    edges = {start, start + timedelta(seconds=QUARTER_SECONDS, microseconds=-1)}
    if {edge.astimezone(local.tzinfo).date() for edge in edges} == {local.date()}:
        if len(_days) >= DAYS_REMEMBERED:
            _days.clear()
        _days[place] = local.date()
    return local.date()


@lru_cache(maxsize=256)
def day_start(day: date, zone: str) -> datetime:
    """The first instant of a local day, in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)).astimezone(UTC)
